package dev.polder.lockdep;

import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// `polder check [options] -- java …`: runs a program under the lock checker.
///
/// Exit codes: 0 nothing was found and the program ended with 0; 3 something was found, whatever
/// the program did; 2 the command line is wrong; else the program's own.
public final class Check {
    /// Something was found.
    public static final int FOUND = 3;

    /// The command line is wrong.
    public static final int MISUSE = 2;

    private static final String USAGE = """
            usage: polder check [option] -- java ...
              --rules FILE|NAME    a rule pack; may be repeated
              --report FILE        the result; JSON if it ends in .json; default: standard error
              --suppress FILE      findings that are accepted, each with a reason
              --exclude PREFIX     a package that is not instrumented; may be repeated
              --include PREFIX     instrument only these; may be repeated
              --force N            every N-th allocation from Polder first runs the shrinkers
              --monitors class|field   what makes a lock class of monitors
              --advice on          list scopes and masks that protect nothing
            exit code: 0 nothing found, 3 found, 2 misuse, else the program's own
            """;

    private static final List<String> OPTIONS = List.of("--rules", "--report", "--suppress",
            "--exclude", "--include", "--force", "--monitors", "--advice");

    private Check() {}

    /// Runs the command; its output goes where this process's goes.
    ///
    /// @param errors where usage and errors are written
    /// @return the exit code
    public static int run(PrintStream errors, String... args) {
        List<String> agent = new ArrayList<>();
        int i = 0;
        for (; i < args.length && !args[i].equals("--"); i += 2) {
            if (!OPTIONS.contains(args[i]) || i + 1 >= args.length || args[i + 1].equals("--")) {
                return misuse(errors, OPTIONS.contains(args[i])
                        ? args[i] + " needs a value" : "unknown option " + args[i]);
            }
            if (args[i + 1].contains(",")) {
                return misuse(errors, "'" + args[i + 1] + "': a value cannot contain a comma");
            }
            agent.add(args[i].substring(2) + "=" + args[i + 1]);
        }
        if (i + 1 >= args.length) {
            return misuse(errors, "no program to run: put it after --");
        }
        String problem = problem(agent);
        if (!problem.isEmpty()) {
            return misuse(errors, problem);
        }
        List<String> command = new ArrayList<>(List.of(args).subList(i + 1, args.length));
        try {
            return run(errors, agent, command);
        } catch (IOException e) {
            return misuse(errors, e.getMessage() == null ? e.toString() : e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return 1;
        }
    }

    /// As `run(PrintStream, String...)`, with errors on the process's standard error.
    public static int run(String... args) {
        try (PrintStream errors = new PrintStream(
                new java.io.FileOutputStream(java.io.FileDescriptor.err), true,
                java.nio.charset.StandardCharsets.UTF_8)) {
            return run(errors, args);
        }
    }

    /// What is wrong with the options' values, so far as it can be told before a JVM is started.
    private static String problem(List<String> agent) {
        try {
            for (String option : agent) {
                String value = option.substring(option.indexOf('=') + 1);
                if (option.startsWith("rules=")) {
                    dev.polder.lockdep.rules.RulePack.load(value);
                } else if (option.startsWith("suppress=")) {
                    dev.polder.lockdep.report.Suppressions.read(Path.of(value));
                } else if (option.startsWith("force=")) {
                    Integer.parseUnsignedInt(value);
                }
            }
            return "";
        } catch (IOException | IllegalArgumentException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private static int run(PrintStream errors, List<String> agent, List<String> command)
            throws IOException, InterruptedException {
        Path status = Files.createTempFile("polder-check", ".status");
        try {
            Files.writeString(status, "");
            agent.add("status=" + status);
            command.add(1, "-javaagent:" + jar() + "=" + String.join(",", agent));
            int code = new ProcessBuilder(command).inheritIO().start().waitFor();
            String found = Files.readString(status).strip();
            if (found.isEmpty()) {
                return misuse(errors, "the agent was not started; is '" + command.get(0)
                        + "' the java command of a JDK 25?");
            }
            return found.equals("0") ? code : FOUND;
        } finally {
            Files.deleteIfExists(status);
        }
    }

    /// The agent's jar: the one this class is in, or that of the property `polder.lockdep.jar`.
    private static File jar() throws IOException {
        String given = System.getProperty("polder.lockdep.jar");
        try {
            File jar = given != null ? new File(given)
                    : new File(Check.class.getProtectionDomain().getCodeSource().getLocation()
                            .toURI());
            if (!jar.isFile()) {
                throw new IOException(jar + " is not the agent's jar; build it, or set "
                        + "-Dpolder.lockdep.jar to it");
            }
            return jar;
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }

    private static int misuse(PrintStream errors, String what) {
        errors.println("polder check: " + what);
        errors.print(USAGE);
        return MISUSE;
    }
}
