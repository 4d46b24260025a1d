package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.os.VirtualClock;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.slab.SlabCache;
import java.lang.foreign.MemorySegment;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The report of a failure says what stood in the way, and not something else; and so does what is
/// told of a request that waits.
@Tag("remapping") // areas above 4 MiB
final class ShortageAdviceTest {
    private static Polder open() {
        return Polder.open(PolderConfig.builder().name("advice").budget(16L << 20).build());
    }

    private static String report(Polder pool, long size, int gfp) {
        return report(() -> pool.allocate(size, gfp));
    }

    private static String report(ThrowingCallable request) {
        AtomicReference<String> text = new AtomicReference<>("");
        assertThatThrownBy(request)
                .isInstanceOf(AllocationFailedException.class)
                .satisfies(e -> text.set(String.valueOf(e.getMessage())));
        return text.get();
    }

    @Test
    void aLimitIsNamedAndNotTheRequestForPagesBefore() {
        try (Polder pool = open()) {
            MemorySegment most = pool.allocate(14 << 20, Gfp.KERNEL);
            assertThat(pool.tryAllocate(3 << 20, Gfp.NOWAIT)).isNull();
            pool.free(most);
            pool.group().create("tenant").max(64 << 10);
            try (var in = pool.group().children().getFirst().enter()) {
                assertThat(in).isNotNull();
                assertThat(report(pool, 1 << 20, Gfp.KERNEL | Gfp.NORETRY)).contains(
                        "tried        no pages were asked for: the limit below was reached first",
                        "limit        group advice/tenant holds 0 KiB of its limit of 64 KiB");
            }
        }
    }

    @Test
    void whatIsLargerThanAnyRunHasNoOrder() {
        try (Polder pool = open()) {
            assertThat(report(pool, Long.MAX_VALUE, Gfp.KERNEL | Gfp.NOWARN))
                    .startsWith("pool 'advice' has no memory for 9223372036854775807 bytes with ")
                    .contains("no pages were asked for: it is larger than the pool");
        }
    }

    @Test
    void oneThingIsNotSeveral() {
        try (Polder pool = open()) {
            SlabCache cache = pool.createCache("one", 4096);
            long a = cache.alloc(Gfp.KERNEL);
            MemorySegment most = pool.allocate(14 << 20, Gfp.KERNEL);
            String report = report(() ->
                    pool.allocate(4 << 20, 8192, Gfp.KERNEL | Gfp.NORETRY));
            assertThat(report).contains("1 direct reclaim took", "0 groups were failed",
                    "1 object of 4096 bytes in use");
            cache.free(a);
            pool.free(most);
        }
    }

    @Test
    void aFailedGroupThatKeepsItsMemoryIsNamed() {
        try (Polder pool = open()) {
            MemGroup hog = pool.group().create("hog");
            MemorySegment kept;
            try (var in = hog.enter()) {
                assertThat(in).isNotNull();
                kept = pool.allocate(8 << 20, Gfp.KERNEL);
            }
            hog.fail();
            assertThat(report(pool, 12 << 20, Gfp.KERNEL | Gfp.NORETRY)).contains(
                    "what to do   group advice/hog was failed to make way and keeps 8.0 MiB",
                    "reset()");
            hog.reset();
            assertThat(report(pool, 12 << 20, Gfp.KERNEL | Gfp.NORETRY))
                    .doesNotContain("was failed to make way");
            pool.free(kept);
        }
    }

    @Test
    void aCacheThatHoldsNearlyAllIsNamed() {
        try (Polder pool = open()) {
            SlabCache cache = pool.createCache("sessions", 4096);
            Deque<Long> held = new ConcurrentLinkedDeque<>();
            for (long a = 1; held.size() < 2500 && a != 0;) {
                a = cache.alloc(Gfp.KERNEL);
                held.push(a);
            }
            assertThat(report(pool, 12 << 20, Gfp.KERNEL | Gfp.NORETRY))
                    .contains("above all cache sessions with 9.");
            held.forEach(cache::free);
        }
    }

    /// Blocks of 64 KiB by a shrinker that does not say how large they are.
    @Test
    void whatAnObjectHoldsIsEstimatedByWhatScansFreed() {
        try (Polder pool = open()) {
            Deque<MemorySegment> blocks = new ConcurrentLinkedDeque<>();
            Registration r = pool.register(ShrinkerSpec.of("blocks", new Shrinker() {
                @Override
                public long count(ShrinkControl sc) {
                    return blocks.size();
                }

                @Override
                public long scan(ShrinkControl sc) {
                    long freed = 0;
                    for (; freed < sc.toScan() && !blocks.isEmpty(); freed++) {
                        pool.free(blocks.removeLast());
                    }
                    return freed;
                }
            }).batch(4));
            ShrinkerHandle handle = pool.parts().shrinkers().shrinkers().getFirst();
            assertThat(handle.estimated()).isTrue();
            assertThat(handle.estimatedObjectBytes()).as("until one was freed").isEqualTo(4096);
            for (int i = 0; i < 1000; i++) {
                blocks.push(pool.allocate(64 << 10, Gfp.KERNEL));
            }
            assertThat(handle.estimatedObjectBytes()).isBetween(60L << 10, 68L << 10);
            assertThat(handle.heldBytes()).isBetween(handle.lastCount() * (60 << 10),
                    handle.lastCount() * (68 << 10));
            assertThat(pool.showMem()).contains("kB by estimate, freed");
            r.close();
            blocks.forEach(pool::free);
        }
    }

    @Test
    void whoWaitsForAnObjectCacheIsToldOfIt() throws InterruptedException {
        VirtualClock clock = new VirtualClock();
        AtomicReference<String> heard = new AtomicReference<>("");
        CountDownLatch told = new CountDownLatch(1);
        PolderEvents before = PolderEvents.listen(new PolderEvents() {
            @Override
            public void stall(String pool, Thread thread, int order, int gfp,
                    @Nullable Object scope, long millis) { }

            @Override
            public void waitsFor(String pool, Thread thread, Object whom) {
                heard.set(whom.toString());
                told.countDown();
            }
        });
        Polder pool = Polder.open(PolderConfig.builder().name("advice").budget(16L << 20)
                .clock(clock).build());
        try {
            pool.parts().kswapd().close();
            SlabCache cache = pool.createCache("sessions", 4096);
            for (long a = 1; a != 0;) {
                a = cache.alloc(Gfp.ATOMIC);
            }
            Thread waits = Thread.ofPlatform().start(() ->
                    assertThatThrownBy(() -> cache.alloc(Gfp.NOFS))
                            .isInstanceOf(IllegalStateException.class));
            for (int i = 0; i < 2 * Clock.HZ; i++) {
                clock.awaitParked(1);
                clock.advance(Clock.TICK_NANOS);
            }
            assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
            assertThat(heard.get()).startsWith("whoever frees something; most is held by cache"
                    + " sessions (").endsWith("objects in use)");
            pool.parts().pages().close();
            clock.advance(Clock.HZ * Clock.TICK_NANOS);
            waits.join();
        } finally {
            PolderEvents.listen(new PolderEvents() {
                @Override
                public void leftAllocated(String pool, String what) { }
            });
            pool.close();
            PolderEvents.listen(before);
        }
    }
}
