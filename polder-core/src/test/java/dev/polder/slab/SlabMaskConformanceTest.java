package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.debug.FaultInjector;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.kv.Recording;
import dev.polder.kv.Recording.Line;
import dev.polder.page.Role;
import dev.polder.slab.SlabPool.Request;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.ScopeProgram;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What the object caches ask of the page allocator, and what they tell the lock checker.
final class SlabMaskConformanceTest {
    private static final int[] MASKS = {0, Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO, Gfp.NOWAIT, Gfp.ATOMIC,
        Gfp.KERNEL_ACCOUNT, Gfp.KERNEL | Gfp.NOFAIL, Gfp.KERNEL | Gfp.ZERO,
        Gfp.NOFS | Gfp.RETRY_MAYFAIL, Gfp.KERNEL | Gfp.NORETRY, Gfp.KERNEL | Gfp.MEMALLOC,
        Gfp.KERNEL | Gfp.HIGH | Gfp.NOLOCKDEP, Gfp.DIRECT_RECLAIM, Gfp.ATOMIC | Gfp.NOFAIL};

    private final SlabPool pool = new SlabPool(16);
    private final Kmalloc kmalloc = new Kmalloc(pool.slabs());

    @AfterEach
    void verifyAndClose() {
        FsReclaim.install(null);
        pool.pages().faultInjector(FaultInjector.NONE);
        pool.slabs().faultInjector(FaultInjector.NONE);
        pool.close();
        assertThat(Task.current().describeScopes()).isEqualTo("no scope");
    }

    /// The page requests of the first object of a fresh cache, which is then given up.
    private List<Request> requestsOfAFreshCache(int objectSize, int gfp) {
        SlabCache cache = new SlabCache(pool.slabs(), "fresh", objectSize);
        pool.record();
        long object = cache.alloc(gfp);
        List<Request> requests = pool.taken();
        cache.free(object);
        cache.close();
        return requests;
    }

    @Test
    @Row({"G2", "A9"})
    void aSlabOfTheSmallestOrderIsTriedWithoutEffortAndThenWithTheCallersMask() {
        for (int gfp : MASKS) {
            int passed = gfp & Gfp.RECLAIM_MASK;
            int easy = (passed | Gfp.NOWARN | Gfp.NORETRY) & ~Gfp.NOFAIL;
            assertThat(requestsOfAFreshCache(64, gfp))
                    .containsExactly(new Request(Role.SLAB, 0, easy, easy, true));
            failNext(1);
            assertThat(requestsOfAFreshCache(64, gfp)).as(Gfp.toString(gfp)).containsExactly(
                    new Request(Role.SLAB, 0, easy, easy, false),
                    new Request(Role.SLAB, 0, passed, passed, true));
        }
    }

    @Test
    @Row({"G2", "A9"})
    void aLargerOrderThanNeededIsTriedWithNoReclaimAtAllIfTheMaskCouldBlock() {
        for (int gfp : MASKS) {
            int passed = gfp & Gfp.RECLAIM_MASK;
            int easy = (passed | Gfp.NOWARN | Gfp.NORETRY) & ~Gfp.NOFAIL;
            if ((gfp & Gfp.DIRECT_RECLAIM) != 0) {
                easy = (easy | Gfp.NOMEMALLOC) & ~Gfp.RECLAIM;
            }
            assertThat(requestsOfAFreshCache(2048, gfp))
                    .containsExactly(new Request(Role.SLAB, 3, easy, easy, true));
            failNext(1);
            assertThat(requestsOfAFreshCache(2048, gfp)).as(Gfp.toString(gfp)).containsExactly(
                    new Request(Role.SLAB, 3, easy, easy, false),
                    new Request(Role.SLAB, 0, passed, passed, true));
        }
    }

    @Test
    @Row({"G2", "B11", "A9"})
    void theRecordedRequestsOfSlabsAndLargeObjects() {
        List<Line> lines = Recording.objects();
        for (Line l : lines) {
            boolean slab = l.get("role").equals("slab");
            int size = sizeOf(l.get("allocator"));
            SlabCache cache = new SlabCache(pool.slabs(), "recorded", slab ? size : 64);
            pool.record();
            int gfp = l.mask();
            long object = ScopeProgram.run(l.get("prog"), () -> slab ? cache.alloc(gfp)
                    : kmalloc.alloc(size, gfp));
            assertThat(pool.taken()).as("%s", l).containsExactly(new Request(
                    slab ? Role.SLAB : Role.KMALLOC_LARGE, Integer.parseInt(l.get("order")),
                    ScopeProgram.mask(l.get("gfp_at_entry")),
                    ScopeProgram.mask(l.get("gfp_tracepoint")), true));
            if (slab) {
                cache.free(object);
            } else {
                kmalloc.free(object);
                pool.slabs().shrinkAll();
            }
            cache.close();
        }
        assertThat(lines.size()).isEqualTo(1230);
    }

    @Test
    @Row({"G1", "K1", "K3"})
    void everyAllocationTellsTheLockCheckerAlsoWhenItIsServedAtOnce() {
        List<Integer> heard = new ArrayList<>();
        SlabCache cache = new SlabCache(pool.slabs(), "told", 64);
        cache.free(cache.alloc(Gfp.KERNEL));
        FsReclaim.install(tracker(heard));
        pool.record();
        cache.free(cache.alloc(Gfp.KERNEL));
        assertThat(heard).containsExactly(Gfp.KERNEL);
        assertThat(pool.taken()).as("served from a sheaf").isEmpty();
        kmalloc.free(kmalloc.alloc(64, Gfp.NOFS));
        assertThat(heard).contains(Gfp.NOFS);
        heard.clear();
        cache.free(cache.alloc(Gfp.ATOMIC));
        cache.free(cache.alloc(Gfp.KERNEL | Gfp.NOLOCKDEP));
        assertThat(heard).as("K1: nothing to tell").isEmpty();
    }

    @Test
    @Row("G1")
    void theLockCheckerHearsBeforeTheInjectorAndTheInjectorBeforeTheSheaf() {
        List<String> events = new ArrayList<>();
        SlabCache cache = new SlabCache(pool.slabs(), "ordered", 64);
        cache.free(cache.alloc(Gfp.KERNEL));
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
                events.add("might_alloc");
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
                events.add("reclaim");
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
                events.add("reclaimed");
            }
        });
        pool.slabs().faultInjector((site, order, gfp) -> {
            events.add(site + " " + order + " " + Gfp.toString(gfp));
            return true;
        });
        assertThat(cache.alloc(Gfp.KERNEL)).isZero();
        assertThat(events).containsExactly("might_alloc", "object:ordered 0 GFP_KERNEL");
        events.clear();
        long object = cache.alloc(Gfp.KERNEL | Gfp.NOFAIL);
        assertThat(object).as("L1: NOFAIL is never failed").isNotZero();
        assertThat(events).containsExactly("might_alloc");
        cache.free(object);
    }

    @Test
    @Row("B11")
    void anObjectFromASheafIsUntouchedByAnyScope() {
        SlabCache cache = new SlabCache(pool.slabs(), "scoped", 64);
        List<Long> objects = new ArrayList<>();
        objects.add(cache.alloc(Gfp.KERNEL));
        pool.record();
        int token = Memalloc.noioSave();
        try {
            for (int i = 0; i < 63; i++) {
                objects.add(cache.alloc(Gfp.KERNEL));
            }
            assertThat(pool.taken()).as("64 objects fit the first slab").isEmpty();
            objects.add(cache.alloc(Gfp.KERNEL));
        } finally {
            Memalloc.noioRestore(token);
        }
        int easy = Gfp.NOWARN | Gfp.NORETRY;
        assertThat(pool.taken()).as("the scope acts at the page allocator's entry").containsExactly(
                new Request(Role.SLAB, 0, Gfp.KERNEL | easy, Gfp.NOIO | easy, true));
        objects.forEach(cache::free);
    }

    @Test
    @Row("L1")
    void withEveryPageRequestFailingFreeObjectsAreStillServed() {
        long first = kmalloc.alloc(64, Gfp.KERNEL);
        pool.pages().faultInjector((_, _, _) -> true);
        List<Long> objects = new ArrayList<>();
        for (long object = kmalloc.alloc(64, Gfp.KERNEL); object != 0;
                object = kmalloc.alloc(64, Gfp.KERNEL)) {
            objects.add(object);
        }
        assertThat(objects).hasSize(63);
        assertThat(kmalloc.alloc(16 << 10, Gfp.KERNEL)).isZero();
        long must = kmalloc.alloc(64, Gfp.KERNEL | Gfp.NOFAIL);
        assertThat(must).isNotZero();
        kmalloc.free(must);
        kmalloc.free(first);
        objects.forEach(kmalloc::free);
        pool.assertNothingLeaked();
    }

    private void failNext(int count) {
        int[] left = {count};
        pool.pages().faultInjector((_, _, _) -> left[0]-- > 0);
    }

    /// The size in `kmalloc(16K)`, `kmem_cache_alloc(2048;fresh)`.
    private static int sizeOf(String allocator) {
        Matcher m = Pattern.compile("\\((\\d+)([KM]?)").matcher(allocator);
        assertThat(m.find()).as(allocator).isTrue();
        int unit = switch (m.group(2)) {
            case "K" -> 1 << 10;
            case "M" -> 1 << 20;
            default -> 1;
        };
        return Integer.parseInt(m.group(1)) * unit;
    }

    private static FsReclaim.Tracker tracker(List<Integer> heard) {
        return new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
                heard.add(effectiveGfp);
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
            }
        };
    }
}
