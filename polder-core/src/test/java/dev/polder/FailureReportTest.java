package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.memgroup.MemGroup;
import dev.polder.slab.SlabCache;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The whole report of one failure, word for word, on a pool whose every frame is accounted for:
/// memory that reclaim could have, kept back by two scopes and a mask, and a cache that gave all it
/// had.
@Tag("remapping")
final class FailureReportTest {
    private static final ScopeSite JOURNAL = ScopeSite.of("journal handle");
    private static final ScopeSite INDEX = ScopeSite.of("splits a node of the index");
    private static final int QUIET = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;

    private static final String REPORT = """
            pool 'orders' has no memory for 3145728 bytes (order 10) with \
            __GFP_IO|__GFP_FS|__GFP_NORETRY|__GFP_DIRECT_RECLAIM
              asked by     thread 'main' (id N), for group orders
              mask in use  __GFP_IO|__GFP_NORETRY|__GFP_DIRECT_RECLAIM; domain 'index' excluded \
            by 'splits a node of the index' (FailureReportTest); NOFS scope 'journal handle' \
            (FailureReportTest)
              tried        order 0 with __GFP_IO|__GFP_NOWARN|__GFP_NORETRY|__GFP_DIRECT_RECLAIM: \
            at low, at min, then 1 round of direct reclaim, which freed 0 KiB, in N ms
              pool         budget 16.0 MiB, committed 15.9 MiB, mode linux
              free         2.0 MiB for anybody, 160 KiB near threads; marks: min 512 KiB, low \
            640 KiB, high 768 KiB
              free blocks  2×4 1×8 1×16 1×32 2×64 1×128 1×256 1×512 \
            1×1024 0×2048 0×4096 KiB
              mappings     some are used
              kswapd       stopped, 0 runs
              so far       2 direct reclaims took N ms, 2 requests for pages failed, 0 groups were \
            failed, the system refused 0 blocks
              held by      object caches 1.6 MiB, vmalloc areas 2.4 MiB, runs and large objects \
            9.5 MiB
                           freed but kept: slabs 0 KiB, areas 0 KiB; page tables 12 KiB
                cache sessions  1.1 MiB, 300 objects of 4096 bytes in use
                cache cursors  512 KiB, 512 objects of 1024 bytes in use
                2200 runs of order 0  8.5 MiB
                area 0xAREA  2.3 MiB
                1 run of order 8  1.0 MiB
                area 0xSMALL  97 KiB
                group orders/query-17: 1024 kB, peak 1024 kB, max 4096 kB
              shrinkers    3 registered, holding about 8.5 MiB, of which 8.5 MiB were out of reach
                shrinker 'index pages' holds 5600 KiB, its domain is excluded by 'splits a node \
            of the index' (FailureReportTest); many objects deferred
                shrinker 'journal pages' holds 3200 KiB, it stopped at the mask by 'journal \
            handle' (FailureReportTest); many objects deferred
                shrinker 'results' holds 0 KiB, gave 128 KiB in 2 scans
              what to do   the scope keeps reclaim out of memory that would do: end it earlier, \
            or exclude only the domain whose lock is held
            """;

    private final Polder pool = Polder.open(PolderConfig.builder().name("orders")
            .budget(16L << 20).minFree(512 << 10).build());
    private final List<Runnable> undo = new ArrayList<>();

    private void hold(SlabCache cache, int objects) {
        for (int i = 0; i < objects; i++) {
            long a = cache.alloc(QUIET);
            undo.add(() -> cache.free(a));
        }
    }

    private void consumer(String name, @Nullable ReclaimDomain domain, int needs, int frames) {
        PageCacheConsumer consumer = new PageCacheConsumer(pool, name, domain, needs);
        for (int i = 0; i < frames; i++) {
            assertThat(consumer.grow()).isTrue();
        }
        ShrinkerSpec spec = ShrinkerSpec.of(name, consumer).batch(16).objectBytes(4096);
        Registration r = pool.register(domain == null ? spec : spec.domain(domain));
        undo.add(r::close);
        undo.add(consumer::clear);
    }

    @Test
    void theWholeReport() {
        // It would take from the consumers while the test looks.
        pool.parts().kswapd().close();
        hold(pool.createCache("sessions", 4096), 300);
        hold(pool.createCache("cursors", 1024), 512);
        ReclaimDomain index = ReclaimDomain.of("index");
        consumer("index pages", index, Gfp.FS, 1400);
        consumer("journal pages", null, Gfp.FS, 800);
        consumer("results", null, 0, 32);
        MemGroup query = pool.group().create("query-17").max(4 << 20);
        long run;
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            run = pool.pages().alloc(8, QUIET);
        }
        long area = pool.vmalloc().alloc(2_500_000, QUIET);
        long small = pool.vmalloc().alloc(100_000, QUIET);
        try (MemallocScope handle = MemallocScope.noFs(JOURNAL);
                MemallocScope split = MemallocScope.excluding(index, INDEX)) {
            assertThat(handle).isNotNull();
            assertThat(split).isNotNull();
            assertThatThrownBy(() -> pool.allocate(3 << 20, QUIET | Gfp.NORETRY))
                    .isInstanceOf(AllocationFailedException.class)
                    .satisfies(e -> assertThat(String.valueOf(e.getMessage())
                            .replace(Long.toHexString(area), "AREA")
                            .replace(Long.toHexString(small), "SMALL")
                            .replaceAll("\\(FailureReportTest:\\d+\\)", "(FailureReportTest)")
                            .replaceAll("\\d+ objects deferred", "many objects deferred")
                            .replaceAll("\\(id \\d+\\)", "(id N)")
                            .replaceAll("\\d+ of \\d+ are used", "some are used")
                            .replaceAll("\\d+ ms", "N ms"))
                            .isEqualTo(REPORT));
        }
        pool.vmalloc().free(area);
        pool.vmalloc().free(small);
        pool.pages().free(run);
        undo.forEach(Runnable::run);
        pool.verify();
        pool.close();
    }

    /// Many of one size are one line, so that the lines show what holds the memory.
    @Test
    void manyObjectsOfOneSizeAreOneLine() {
        pool.parts().kswapd().close();
        for (int i = 0; i < 500; i++) {
            long a = pool.kmalloc().alloc(i % 2 == 0 ? 16 << 10 : 14_000, QUIET);
            undo.add(() -> pool.kmalloc().free(a));
        }
        long alone = pool.kmalloc().alloc(300_000, QUIET);
        for (int i = 0; i < 3; i++) {
            long a = pool.vmalloc().alloc(40_000, QUIET);
            undo.add(() -> pool.vmalloc().free(a));
        }
        assertThatThrownBy(() -> pool.allocate(12 << 20, QUIET | Gfp.NORETRY))
                .hasMessageContaining("\n    500 large objects of up to 16 KiB  7.2 MiB"
                        + "\n    large object 0x" + Long.toHexString(alone) + "  292 KiB"
                        + "\n    3 areas of up to 64 KiB  117 KiB\n");
        pool.kmalloc().free(alone);
        undo.forEach(Runnable::run);
        pool.verify();
        pool.close();
    }
}
