package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.mempool.MemPool;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.slab.SlabCache;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Each way of asking a pool for memory says whose reclaim would serve it, also when it is served
/// at once.
class ForcedRequestTest {

    private final Polder pool =
            Polder.open(PolderConfig.builder().name("forced").budget(16L << 20).build());
    private final List<Long> asked = new ArrayList<>();

    @AfterEach
    void close() {
        FsReclaim.install(null);
        pool.verify();
        pool.close();
    }

    private void forceAll() {
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
            }

            @Override
            public void mightAlloc(int effectiveGfp, FsReclaim.Reclaimer from) {
                from.force(effectiveGfp);
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
            }
        });
    }

    @Test
    void everyRequestForcesTheShrinkersOfItsPool() {
        SlabCache cache = pool.createCache("objects", 64);
        MemPool reserve = pool.createMemPool(cache, 2);
        try (Registration _ = pool.register(ShrinkerSpec.of("asked", new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                return 1;
            }

            @Override
            public long scan(ShrinkControl sc) {
                asked.add(sc.toScan());
                return 0;
            }
        }))) {
            forceAll();
            forces(() -> pool.pages().alloc(0, Gfp.KERNEL), pool.pages()::free);
            forces(() -> cache.alloc(Gfp.KERNEL), cache::free);
            forces(() -> pool.kmalloc().alloc(100, Gfp.KERNEL), pool.kmalloc()::free);
            forces(() -> pool.vmalloc().alloc(10_000, Gfp.KERNEL), pool.vmalloc()::free);
            forces(() -> pool.kv().alloc(1 << 20, Gfp.KERNEL), pool.kv()::free);
            forces(() -> reserve.alloc(Gfp.KERNEL), reserve::free);
            asked.clear();
            long run = pool.pages().alloc(0, Gfp.ATOMIC);
            assertThat(asked).isEmpty();
            pool.pages().free(run);
        } finally {
            FsReclaim.install(null);
            reserve.close();
            cache.close();
        }
    }

    private void forces(LongSupplier alloc, java.util.function.LongConsumer free) {
        asked.clear();
        long got = alloc.getAsLong();
        assertThat(asked).startsWith(0L, 1L);
        free.accept(got);
    }
}
