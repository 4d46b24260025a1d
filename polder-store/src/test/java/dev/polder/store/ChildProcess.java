package dev.polder.store;

import dev.polder.Polder;
import dev.polder.gfp.Gfp;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/// A `main` of the tests in a JVM of its own, to be killed or to hang there.
final class ChildProcess implements AutoCloseable {
    private final Process process;

    private ChildProcess(Process process) {
        this.process = process;
    }

    /// Starts it with the classes of store, core and scope. Small and quick: one collector thread,
    /// the first compiler only.
    static ChildProcess start(Class<?> main, String... args) throws IOException {
        Set<String> classPath = new LinkedHashSet<>();
        for (Class<?> c : new Class<?>[] {main, Store.class, Polder.class, Gfp.class}) {
            classPath.add(root(c));
        }
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m",
                "-ea", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "-XX:-CreateCoredumpOnCrash", "--enable-native-access=ALL-UNNAMED", "-cp",
                String.join(File.pathSeparator, classPath), main.getName()));
        command.addAll(List.of(args));
        return new ChildProcess(new ProcessBuilder(command).redirectErrorStream(true).start());
    }

    private static String root(Class<?> c) {
        try {
            return Path.of(c.getProtectionDomain().getCodeSource().getLocation().toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /// What it writes.
    BufferedReader output() {
        return process.inputReader();
    }

    /// `kill -9`. Through the handle: `Process.destroyForcibly` would close the pipe, and what was
    /// acknowledged and not read yet would be lost.
    void kill() {
        process.toHandle().destroyForcibly();
    }

    /// Waits for the end, but not longer.
    boolean exited(long millis) throws InterruptedException {
        return process.waitFor(millis, TimeUnit.MILLISECONDS);
    }

    /// Waits for the end.
    int exitCode() throws InterruptedException {
        return process.waitFor();
    }

    /// All it wrote, line by line, until it ended.
    List<String> lines() throws IOException {
        List<String> all = new ArrayList<>();
        for (String l = output().readLine(); l != null; l = output().readLine()) {
            all.add(l);
        }
        return all;
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
