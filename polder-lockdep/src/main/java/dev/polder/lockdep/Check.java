package dev.polder.lockdep;

import dev.polder.lockdep.report.Suppressions;
import dev.polder.lockdep.rules.RulePack;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Runs a program under the lock checker, in a JVM of its own: what `polder check` does.
///
/// Whatever is wrong with the request is told by an IllegalArgumentException before the program is
/// started.
public final class Check {
    /// Exit code: something was found, whatever the program did.
    public static final int FOUND = 3;

    /// Exit code: the request is wrong, or the agent could not start.
    public static final int MISUSE = 2;

    private final List<String> command;
    private final List<String> options = new ArrayList<>();
    private @Nullable Path report;

    /// A check of this command, whose first word is `java` or a path to one.
    public Check(List<String> command) {
        if (command.isEmpty()) {
            throw new IllegalArgumentException("no program to run: put it after --, as in "
                    + "polder check -- java -jar program.jar");
        }
        this.command = new ArrayList<>(command);
    }

    /// Adds rules: a shipped pack's name or a file.
    public Check rules(String nameOrFile) throws IOException {
        RulePack.load(nameOrFile);
        return option("rules", nameOrFile);
    }

    /// The file of the result; JSON if it ends in `.json`. Default: standard error.
    public Check report(Path file) {
        Path parent = file.toAbsolutePath().getParent();
        if (Files.isDirectory(file) || parent == null || !Files.isDirectory(parent)
                || !Files.isWritable(Files.exists(file) ? file : parent)) {
            throw new IllegalArgumentException("the report cannot be written to " + file + ": "
                    + (Files.isDirectory(file) ? "it is a directory"
                    : parent != null && Files.isDirectory(parent) ? "it is write-protected"
                    : parent + " is no directory"));
        }
        report = file;
        return option("report", file);
    }

    /// The file of accepted findings.
    public Check suppress(Path file) {
        Suppressions.read(file);
        return option("suppress", file);
    }

    /// Classes whose names begin so are not instrumented.
    public Check exclude(String prefix) {
        return option("exclude", prefix);
    }

    /// Only classes whose names begin so, or with another one that was included, are instrumented.
    public Check include(String prefix) {
        return option("include", prefix);
    }

    /// Before every n-th allocation that may reclaim, the shrinkers that it may call are run.
    public Check force(int every) {
        if (every < 1) {
            throw new IllegalArgumentException("reclaim can be forced at every n-th allocation, n "
                    + "from 1, not " + every);
        }
        return option("force", every);
    }

    /// Monitors are told apart by the field that they are read from, not by their class.
    public Check monitorsByField() {
        return option("monitors", "field");
    }

    /// Scopes and masks that protect nothing are listed at the end.
    public Check advise() {
        return option("advice", "on");
    }

    private Check option(String name, Object value) {
        if (value.toString().contains(",")) {
            throw new IllegalArgumentException("'" + value + "': commas separate the agent's "
                    + "options, so a name cannot have one");
        }
        options.add(name + "=" + value);
        return this;
    }

    /// Runs the program; its input and output are this process's.
    ///
    /// @param notes hears what there is to say beside the report, in sentences
    /// @return 0 when nothing was found and the program ended so; 3 when something was found; 2
    ///     when the JVM ended before the agent began; else the program's own
    public int run(Consumer<String> notes) throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(command);
        all.set(0, JavaCommand.resolve(command.get(0), notes));
        Path status = Files.createTempFile("polder-check", ".status");
        try {
            option("status", status);
            all.add(1, agent(options));
            int code = new ProcessBuilder(all).inheritIO().start().waitFor();
            String found = Files.readString(status).strip();
            if (found.isEmpty()) {
                notes.accept("the JVM ended with exit code " + code
                        + " before the agent began; nothing was checked");
                return MISUSE;
            }
            if (found.equals("0")) {
                notes.accept(code == 0 ? "nothing found"
                        : "nothing found; the program ended with exit code " + code);
                return code;
            }
            notes.accept("found " + found + (found.equals("1") ? " problem" : " problems")
                    + (report == null ? "" : "; see " + report));
            return FOUND;
        } finally {
            Files.deleteIfExists(status);
        }
    }

    /// The JVM's option that starts the agent.
    ///
    /// @param options the agent's own, `name=value` each
    /// @throws IllegalArgumentException when there is no jar of the agent
    public static String agent(List<String> options) throws IOException {
        return "-javaagent:" + jar() + "=" + String.join(",", options);
    }

    /// The agent's jar: the one this class is in, or that of the property `polder.lockdep.jar`.
    private static Path jar() throws IOException {
        String given = System.getProperty("polder.lockdep.jar");
        try {
            Path jar = Path.of(given != null ? Path.of(given).toUri()
                    : Check.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            if (!Files.isRegularFile(jar)) {
                throw new IllegalArgumentException(jar + " is not the agent's jar; build it, or set"
                        + " -Dpolder.lockdep.jar to it");
            }
            if (jar.toString().contains("=")) {
                throw new IllegalArgumentException("the agent's jar is " + jar + ", and the JVM "
                        + "takes the '=' in it for the end of its name; move it");
            }
            return jar;
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }
}
