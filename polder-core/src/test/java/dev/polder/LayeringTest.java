package dev.polder;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.testkit.Layering;
import dev.polder.testkit.Planted;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The staircase of the memory manager: who uses whom, exactly.
class LayeringTest {

    private static final Layering LAYERS = Layering.of("dev.polder", """
            L0 (task)
            L0 (gfp)
            L0 (shrinker)
            L0 base
            L1 os:       base
            L1 stat:
            L1 debug:    base gfp
            L1 memgroup: base task
            L2 zone:     base os stat task
            L2 shrink:   base gfp memgroup os shrinker stat task
            L3 reclaim:  base gfp memgroup os shrink stat task
            L4 page:     base debug gfp memgroup os reclaim shrink stat task zone
            L5 slab:     base debug gfp memgroup os page shrink task zone
            L5 vmalloc:  base debug gfp os page shrink stat task zone
            L6 kv:       base gfp slab stat vmalloc
            L6 mempool:  base debug gfp os page slab
            L7 polder:   base debug gfp kv memgroup mempool os page reclaim shrink shrinker \
            slab stat task vmalloc zone
            """).permit("java.", "org.jspecify.");

    @Test
    void packagesUseLowerLayersOnly() {
        LAYERS.check(Layering.classesOf(Polder.class), 60);
    }

    @Test
    void aPlantedUpwardUseIsCaught(@TempDir Path folder) {
        Planted.compile(folder.resolve("classes"), Map.of(
                "Planted.java", "package dev.polder.zone; class Planted { dev.polder.page.Up up; }",
                "Up.java", "package dev.polder.page; public class Up {}"));

        assertThatThrownBy(() -> LAYERS.check(folder.resolve("classes"), 1))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("dev.polder.zone.Planted uses dev.polder.page.Up: upward "
                        + "(L2 zone, L4 page)");
    }

    @Test
    void aPlantedSiblingUseIsCaught(@TempDir Path folder) {
        Planted.compile(folder.resolve("classes"), Map.of(
                "Planted.java",
                        "package dev.polder.slab; class Planted { dev.polder.vmalloc.Side s; }",
                "Side.java", "package dev.polder.vmalloc; public class Side {}"));

        assertThatThrownBy(() -> LAYERS.check(folder.resolve("classes"), 1))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("dev.polder.slab.Planted uses dev.polder.vmalloc.Side: "
                        + "sideways (L5 slab, L5 vmalloc)");
    }
}
