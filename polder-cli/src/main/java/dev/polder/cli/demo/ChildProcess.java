package dev.polder.cli.demo;

import dev.polder.cli.load.ChildMain;
import dev.polder.cli.load.Event;
import dev.polder.cli.load.RunPlan;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// One policy's process: the same Java with the same class path. Closing it ends it, however it is.
///
/// The child's standard input stays open as long as this process lives; when it ends, the child
/// ends itself.
final class ChildProcess implements AutoCloseable {

    /// Enough for the merges and the index of what is verified, and no more than a small machine
    /// has.
    private static final String HEAP = "-Xmx640m";

    /// A child that is alive tells of itself every 100 ms, and even a slow disk syncs within this.
    private static final long SILENCE_SECONDS = 120;

    private static final Event END = Event.text(Event.Kind.DONE, "end of output");

    private final Process process;
    private final Path errors;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final Thread reader;
    private final Thread hook;

    private ChildProcess(Process process, Path errors) {
        this.process = process;
        this.errors = errors;
        this.reader = Thread.ofPlatform().daemon().name("polder-demo-events").start(this::read);
        this.hook = new Thread(process::destroyForcibly, "polder-demo-end-child");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /// Starts a child.
    ///
    /// @param errors the file that takes its standard error
    /// @param agent a `-javaagent` option; null for none
    static ChildProcess start(RunPlan plan, Path errors, @Nullable String agent)
            throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command(plan, agent));
        builder.redirectError(errors.toFile());
        return new ChildProcess(builder.start(), errors);
    }

    private static List<String> command(RunPlan plan, @Nullable String agent) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add(HEAP);
        // Two processors: no collector threads among the actors.
        command.add("-XX:+UseSerialGC");
        command.add("-Xshare:auto");
        command.add("-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"));
        if (agent != null) {
            command.add(agent);
        }
        if (ChildProcess.class.desiredAssertionStatus()) {
            command.add("-ea");
        }
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(ChildMain.class.getName());
        command.addAll(plan.toArguments());
        return command;
    }

    /// The child's next event; null when there will be none.
    ///
    /// @throws IOException when it has been silent for too long
    @Nullable Event next() throws IOException {
        try {
            Event event = events.poll(SILENCE_SECONDS, TimeUnit.SECONDS);
            if (event == null) {
                throw new IOException("it has said nothing for " + SILENCE_SECONDS + " s");
            }
            return event == END ? null : event;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /// How the process ended and what it said last, for a message.
    String lastWords() throws IOException {
        int exit = -1;
        try {
            if (process.waitFor(5, TimeUnit.SECONDS)) {
                exit = process.exitValue();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        List<String> lines = Files.exists(errors) ? Files.readAllLines(errors) : List.of();
        return "exit code " + exit + (lines.isEmpty() ? "" : ":\n  "
                + String.join("\n  ", lines.subList(0, Math.min(lines.size(), 30))));
    }

    private void read() {
        try (BufferedReader in = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                Event event = Event.parse(line);
                if (event != null) {
                    events.add(event);
                }
            }
        } catch (IOException | UncheckedIOException e) {
            // The pipe breaks when the child is ended. Whoever waits for its events sees the end.
            events.add(END);
            return;
        }
        events.add(END);
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
            reader.join();
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IllegalStateException shuttingDown) {
            return;
        }
    }
}
