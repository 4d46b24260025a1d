package dev.polder.visit;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Runs a program of an exhibit in a JVM of its own, with the agent or without.
final class Visit {
    /// Minutes after which a program counts as hung; the longest takes one on a quiet machine.
    private static final int MINUTES = 5;

    private static final Pattern ID = Pattern.compile("\\{\"id\":\"(\\w+)\",\"kind\"");
    private static final Pattern WOVEN = Pattern.compile("\"(\\d+) classes instrumented");

    private final Exhibit exhibit;
    private final Path folder;
    private final List<String> options = new ArrayList<>();
    private @Nullable String agent;

    /// @param folder where the program runs and leaves its files
    Visit(Exhibit exhibit, Path folder) {
        this.exhibit = exhibit;
        this.folder = folder;
    }

    /// What a program left behind.
    ///
    /// @param exitCode the program's
    /// @param output what it printed
    /// @param report the agent's, as JSON; empty without the agent
    record Outcome(int exitCode, String output, String report) {
        /// The ids of the findings, in the order in which they were made.
        List<String> ids() {
            return ID.matcher(report).results().map(m -> m.group(1)).toList();
        }

        /// How many classes got hooks.
        int woven() {
            return WOVEN.matcher(report).results().findFirst()
                    .map((MatchResult m) -> Integer.parseInt(m.group(1))).orElse(0);
        }

        /// The first finding, for a message; a report is too long for that.
        String firstFinding() {
            return ids().isEmpty() ? "nothing" : finding(ids().get(0));
        }

        /// The part of the report about one finding.
        String finding(String id) {
            int begin = report.indexOf("{\"id\":\"" + id + "\",\"kind\"");
            if (begin < 0) {
                throw new AssertionError("no finding " + id + " in " + report);
            }
            int next = report.indexOf("{\"id\":\"", begin + 1);
            return report.substring(begin, next < 0 ? report.length() : next);
        }
    }

    /// With the agent and these options of it; the report's file is added.
    Visit withAgent(String agentOptions) {
        agent = agentOptions;
        return this;
    }

    /// With an option of the JVM.
    Visit option(String option) {
        options.add(option);
        return this;
    }

    /// Runs a source of ours against the exhibit's jars.
    Outcome driver(String name, String... arguments) {
        Path source = Path.of("src", "drivers", "java", name + ".java").toAbsolutePath();
        return run(source.toString(), arguments);
    }

    /// Runs a main class.
    Outcome run(String program, String... arguments) {
        Path report = folder.resolve("report.json");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("-Xmx2g");
        command.addAll(options);
        if (agent != null) {
            command.add("-javaagent:" + lockdepJar() + "=report=" + report
                    + (agent.isEmpty() ? "" : "," + agent));
        }
        command.add("-cp");
        command.add(String.join(File.pathSeparator, exhibit.jars()));
        command.add(program);
        command.addAll(List.of(arguments));
        try {
            Files.createDirectories(folder);
            Files.deleteIfExists(report);
            Path output = folder.resolve("output.txt");
            int exitCode = await(new ProcessBuilder(command)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start(), output);
            return new Outcome(exitCode, Files.readString(output),
                    agent == null ? "" : Files.readString(report));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int await(Process process, Path output) throws IOException {
        try {
            if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
                throw new AssertionError("no end after " + MINUTES + " minutes: "
                        + Files.readString(output));
            }
            return process.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        } finally {
            process.destroyForcibly();
        }
    }

    private static Path lockdepJar() {
        try {
            Path jar = Path.of(dev.polder.lockdep.Check.class.getProtectionDomain()
                    .getCodeSource().getLocation().toURI());
            if (!Files.isRegularFile(jar)) {
                throw new AssertionError(jar + " is no jar: run mvn -Pmuseum verify");
            }
            return jar;
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }
}
