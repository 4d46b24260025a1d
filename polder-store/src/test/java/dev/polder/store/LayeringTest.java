package dev.polder.store;

import dev.polder.testkit.Layering;
import org.junit.jupiter.api.Test;

/// The order of the store's packages: who uses whom, exactly.
class LayeringTest {
    private static final Layering LAYERS = Layering.of("dev.polder.store", """
            L0 watch:
            L0 file:
            L1 pool:    watch
            L2 cache:   pool
            L3 btree:   cache file pool
            L4 journal: btree cache file pool watch
            L5 flush:   cache file journal pool watch
            L6 store:   btree cache file flush journal pool watch
            """).permit("java.", "org.jspecify.", "dev.polder.Polder", "dev.polder.Registration",
            "dev.polder.ShrinkerSpec", "dev.polder.base.", "dev.polder.gfp.", "dev.polder.mempool.",
            "dev.polder.os.", "dev.polder.page.", "dev.polder.shrinker.", "dev.polder.slab.");

    @Test
    void packagesUseLowerLayersOnly() {
        LAYERS.check(Layering.classesOf(Store.class), 50);
    }
}
