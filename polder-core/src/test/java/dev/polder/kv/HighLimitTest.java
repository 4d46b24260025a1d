package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.AllowedMask;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.memgroup.MemGroup.Event;
import dev.polder.stat.VmStat.Item;
import dev.polder.testkit.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What the limits of a group are to requests that are made of others with another mask.
final class HighLimitTest {
    /// A block, a large block.
    @ParameterizedTest
    @ValueSource(longs = {16 << 10, 1 << 20})
    void everySizeIsBroughtDownByTheCallersOwnMask(long size) {
        isBroughtDown(size);
    }

    @Test
    @Tag("remapping")
    void anAreaOfRunsIsToo() {
        isBroughtDown(6 << 20);
    }

    private static void isBroughtDown(long size) {
        try (KvRig rig = new KvRig(8192); MemGroup group = rig.pool.root.create("group")) {
            group.high(0);
            long[] held = new long[10];
            // Without FS: it reclaims, and does not sleep
            try (var in = group.enter()) {
                assertThat(in).isNotNull();
                for (int i = 0; i < held.length && group.charged() < 8 << 20; i++) {
                    held[i] = rig.kv.alloc(size, Gfp.NOWAIT);
                    assertThat(held[i]).isNotZero();
                }
                assertThat(group.events(Event.HIGH)).as("so far nobody may").isZero();
                long one = rig.kv.alloc(size, Gfp.NOFS);
                assertThat(one).isNotZero();
                assertThat(group.events(Event.HIGH)).isEqualTo(1);
                rig.kv.free(one);
            }
            for (long address : held) {
                rig.kv.free(address);
            }
            assertThat(group.charged()).isZero();
        }
    }

    @Test
    @Row("A13")
    @Tag("remapping")
    void anAreaUsedAgainIsChargedWithTheAllowedMask() {
        try (KvRig rig = new KvRig(8192)) {
            rig.pool.vmalloc.free(rig.pool.vmalloc.alloc(40_960, Gfp.KERNEL));
            rig.pool.root.max(0);
            int forbidden = AllowedMask.forbid(AllowedMask.FORBIDDABLE);
            try {
                assertThat(rig.pool.vmalloc.alloc(40_960, Gfp.KERNEL_ACCOUNT)).isZero();
            } finally {
                AllowedMask.restore(forbidden);
            }
            assertThat(rig.pool.stat.get(Item.ALLOCSTALL)).isZero();
        }
    }
}
