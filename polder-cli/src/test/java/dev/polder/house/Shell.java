package dev.polder.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// Runs a command line as a person would type it, with this JVM's `java` first on the path.
final class Shell {

    /// A bound on a hang, far above what any of the commands takes.
    private static final long LIMIT_MINUTES = 5;

    private Shell() {}

    /// What a command printed, errors among it, and its exit code.
    record Result(int code, String output) {}

    static Result run(Path folder, Map<String, String> environment, String line)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(List.of("bash", "-c", line))
                .directory(folder.toFile())
                .redirectErrorStream(true);
        String java = Path.of(System.getProperty("java.home"), "bin").toString();
        builder.environment().merge("PATH", java, (path, first) -> first + ":" + path);
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES)).isTrue();
        return new Result(process.exitValue(), output);
    }
}
