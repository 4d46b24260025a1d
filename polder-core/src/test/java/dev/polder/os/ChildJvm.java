package dev.polder.os;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/// Runs a `main` in a JVM of its own, for what could end the one that runs the tests.
public final class ChildJvm {
    private static final long LIMIT_SECONDS = 60;

    /// How it ended, and all it wrote.
    public record Result(int exitCode, String output) {}

    private ChildJvm() {}

    /// What the child may have.
    ///
    /// @param heap as `-Xmx` takes it
    /// @param addressSpaceKiB as `ulimit -v` takes it, or 0 for no limit
    public record Limits(String heap, long addressSpaceKiB) {}

    /// Runs `main` with the classes that the given ones were loaded from.
    public static Result run(Class<?> main, List<Class<?>> with, String... args) {
        return run(new Limits("256m", 0), main, with, args);
    }

    /// The same with further options for the JVM.
    public static Result run(List<String> options, Class<?> main, List<Class<?>> with,
            String... args) {
        return run(new Limits("256m", 0), options, main, with, args);
    }

    /// The same in a process with limits.
    public static Result run(Limits limits, Class<?> main, List<Class<?>> with, String... args) {
        return run(limits, List.of(), main, with, args);
    }

    /// The same with both.
    public static Result run(Limits limits, List<String> options, Class<?> main,
            List<Class<?>> with, String... args) {
        Set<String> classPath = new LinkedHashSet<>();
        classPath.add(root(main));
        with.forEach(c -> classPath.add(root(c)));
        List<String> command = new ArrayList<>();
        if (limits.addressSpaceKiB > 0) {
            command.addAll(List.of("sh", "-c",
                    "ulimit -v " + limits.addressSpaceKiB + " && exec \"$@\"", "sh"));
        }
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + limits.heap, "-XX:+UseSerialGC", "-XX:-CreateCoredumpOnCrash",
                "-XX:+SuppressFatalErrorMessage", "--enable-native-access=ALL-UNNAMED",
                "-cp", String.join(File.pathSeparator, classPath)));
        command.addAll(options);
        command.add(main.getName());
        command.addAll(List.of(args));
        try {
            Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
            p.getOutputStream().close();
            String output = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!p.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                p.destroyForcibly();
                throw new AssertionError("child still runs; so far it wrote:\n" + output);
            }
            return new Result(p.exitValue(), output);
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /// The folder or jar of a class.
    private static String root(Class<?> c) {
        String resource = c.getName().replace('.', '/') + ".class";
        URL url = c.getClassLoader().getResource(resource);
        if (url == null) {
            throw new AssertionError("no resource for " + c);
        }
        try {
            if (url.getProtocol().equals("jar")) {
                String text = url.toString();
                String jar = text.substring("jar:".length(), text.indexOf("!/"));
                return Path.of(URI.create(jar)).toString();
            }
            String file = Path.of(url.toURI()).toString();
            return file.substring(0, file.length() - resource.length());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }
}
