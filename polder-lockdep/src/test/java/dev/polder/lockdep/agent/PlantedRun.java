package dev.polder.lockdep.agent;

import dev.polder.gfp.Gfp;
import dev.polder.lockdep.Check;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/// A `main` of the tests in a JVM with the agent, which watches the museum, and this JVM's class
/// path.
public final class PlantedRun {
    private PlantedRun() {}

    /// What it printed, line by line.
    public static List<String> underTheAgent(Path folder, Class<?> main, String argument)
            throws IOException, InterruptedException {
        Path jar = AgentJar.make(folder);
        AgentJar.forget();
        Process process = new ProcessBuilder(AgentJar.java(), "-Xshare:auto",
                "-javaagent:" + jar + "=include=dev.polder.museum.,report="
                        + folder.resolve("report.txt"),
                "-cp", AgentJar.path(main, Check.class, Gfp.class)
                        + File.pathSeparator + System.getProperty("java.class.path"),
                main.getName(), argument)
                .redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return said.lines().toList();
    }
}
