package dev.polder;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.testkit.Layering;
import dev.polder.testkit.Planted;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The order of this module's packages. Nothing but the JDK may be used beside them.
class ScopeLayeringTest {

    private static final Layering LAYERS = Layering.of("dev.polder", """
            L0 task
            L1 gfp:      task
            L2 shrinker: gfp task
            """).permit("java.", "org.jspecify.");

    @Test
    void packagesUseLowerLayersOnly() {
        LAYERS.check(Layering.classesOf(Gfp.class), 20);
    }

    @Test
    void aPlantedUpwardUseIsCaught(@TempDir Path folder) {
        Planted.compile(folder.resolve("classes"), Map.of(
                "Planted.java", "package dev.polder.task; class Planted { dev.polder.gfp.Up up; }",
                "Up.java", "package dev.polder.gfp; public class Up {}"));

        assertThatThrownBy(() -> LAYERS.check(folder.resolve("classes"), 1))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("dev.polder.task.Planted uses dev.polder.gfp.Up: upward "
                        + "(L0 task, L1 gfp)");
    }
}
