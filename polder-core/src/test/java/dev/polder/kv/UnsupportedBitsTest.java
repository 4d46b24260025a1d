package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.slab.SlabCache;
import dev.polder.testkit.Row;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Bits that mean nothing here are refused at every door, by name; bits that do are all taken.
final class UnsupportedBitsTest {
    private static final int UNKNOWN = 1 << 30;

    private final KvRig rig = new KvRig(8192);

    @AfterEach
    void close() {
        rig.assertNothingLeaked();
        rig.close();
    }

    private static void refuses(IntToLongFunction alloc) {
        assertThatThrownBy(() -> alloc.applyAsLong(Gfp.KERNEL | UNKNOWN))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("40000000");
    }

    @Test
    @Row("G3")
    void slabsRefuseThem() {
        refuses(gfp -> rig.kmalloc.alloc(64, gfp));
        refuses(gfp -> rig.kmalloc.alloc(64 << 10, gfp));
        try (SlabCache cache = new SlabCache(rig.slabs, "refusing", 64)) {
            refuses(cache::alloc);
        }
    }

    @Test
    @Row({"H6", "I6"})
    void vmallocAndKvmallocRefuseThem() {
        refuses(gfp -> rig.pool.vmalloc.alloc(1 << 20, gfp));
        refuses(gfp -> rig.kv.alloc(1 << 20, gfp));
    }

    @Test
    @Row("I6")
    void kvmallocTakesEveryMaskThereIs() {
        for (int gfp : new int[] {0, Gfp.NOWAIT, Gfp.ATOMIC, Gfp.NOIO, Gfp.NOFS | Gfp.NORETRY,
            Gfp.DIRECT_RECLAIM, Gfp.FS, Gfp.IO | Gfp.RETRY_MAYFAIL, Gfp.KERNEL | Gfp.ZERO}) {
            long address = rig.kv.alloc(100_000, gfp);
            assertThat(address).as(Gfp.toString(gfp)).isNotZero();
            rig.kv.free(address);
        }
        rig.pool.purge();
    }
}
