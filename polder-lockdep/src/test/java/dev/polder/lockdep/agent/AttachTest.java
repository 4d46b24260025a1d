package dev.polder.lockdep.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.tools.attach.VirtualMachine;
import dev.polder.gfp.Gfp;
import dev.polder.museum.Attached;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The agent comes to a JVM that runs already: loaded classes are woven anew, and Polder's port,
/// which was initialised long ago, is joined.
class AttachTest {
    @Test
    void whatRunsAfterTheAttachIsWatched(@TempDir Path folder) throws Exception {
        Path jar = AgentJar.make(folder);
        AgentJar.forget();
        Path report = folder.resolve("report.txt");
        Process program = new ProcessBuilder(AgentJar.java(), "-XX:+EnableDynamicAgentLoading",
                "-cp", AgentJar.path(Attached.class, Gfp.class), Attached.class.getName())
                .redirectErrorStream(true).start();
        try {
            byte[] ready = program.getInputStream().readNBytes("ready\n".length());
            assertThat(new String(ready, StandardCharsets.UTF_8)).isEqualTo("ready\n");
            VirtualMachine vm = VirtualMachine.attach(String.valueOf(program.pid()));
            vm.loadAgent(jar.toString(), "report=" + report);
            vm.detach();
            program.getOutputStream().write('\n');
            program.getOutputStream().close();
            String said = new String(program.getInputStream().readAllBytes(),
                    StandardCharsets.UTF_8);
            assertThat(program.waitFor()).as(said).isZero();
        } finally {
            program.destroyForcibly();
        }
        assertThat(Files.readString(report)).contains("2 reports",
                "possible circular locking dependency", "Attached.theOtherWay(",
                "(fs_reclaim) exclusive", "Attached.allocate(")
                .doesNotContain("runs unwatched", "engine failed");
    }
}
