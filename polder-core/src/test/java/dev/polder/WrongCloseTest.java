package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.mempool.MemPool;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.slab.SlabCache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Closing what is in use: refused, or told of with everything that is needed to find who forgot
/// it. Never a crash.
final class WrongCloseTest {
    private static Polder open(String name) {
        return Polder.open(PolderConfig.builder().name(name).budget(16L << 20).build());
    }

    /// What the pool tells when it closes; empty if nothing.
    private static String closing(Polder pool) {
        AtomicReference<String> told = new AtomicReference<>("");
        PolderEvents before = PolderEvents.listen(new PolderEvents() {
            @Override
            public void leftAllocated(String name, String what) {
                if (name.equals(pool.config().name())) {
                    told.set(what);
                }
            }
        });
        try {
            pool.close();
        } finally {
            PolderEvents.listen(before);
        }
        return told.get();
    }

    @Test
    void closingAnEmptyPoolTellsNothing() {
        Polder pool = open("empty");
        SlabCache cache = pool.createCache("things", 40);
        cache.free(cache.alloc(Gfp.KERNEL));
        pool.free(pool.allocate(1 << 20, Gfp.KERNEL));
        pool.free(pool.allocate(20_000, Gfp.KERNEL));
        assertThat(closing(pool)).isEmpty();
    }

    @Tag("remapping")
    @Test
    void closingListsWhatIsInUseLargestFirst() {
        Polder pool = open("left");
        SlabCache cache = pool.createCache("sessions", 2048);
        for (int i = 0; i < 7; i++) {
            cache.alloc(Gfp.KERNEL);
            pool.kmalloc().alloc(100, Gfp.KERNEL);
        }
        long large = pool.kmalloc().alloc(300_000, Gfp.KERNEL);
        List<Long> areas = new ArrayList<>();
        for (int i = 1; i <= 6; i++) {
            areas.add(pool.vmalloc().alloc(i * 10_000, Gfp.KERNEL));
        }
        long run = pool.pages().alloc(3, Gfp.KERNEL);
        long address = pool.pages().address(run);
        assertThat(closing(pool).lines()).containsExactly(
                "closed while 22 allocations of 558000 bytes are in use; free them before close",
                "  cache sessions: 7 objects, 14336 bytes",
                "  cache kmalloc-128: 7 objects, 896 bytes",
                "  vmalloc area " + hex(areas.get(5)) + ": 60000 bytes",
                "  vmalloc area " + hex(areas.get(4)) + ": 50000 bytes",
                "  vmalloc area " + hex(areas.get(3)) + ": 40000 bytes",
                "  vmalloc area " + hex(areas.get(2)) + ": 30000 bytes",
                "  vmalloc area " + hex(areas.get(1)) + ": 20000 bytes",
                "  and 1 more of kind vmalloc area, 10000 bytes",
                "  large object " + hex(large) + ": 300000 bytes",
                "  run " + hex(address) + ": frame " + run + ", order 3");
        assertThat(closing(pool)).as("a second close does nothing").isEmpty();
    }

    private static String hex(long address) {
        return "0x" + Long.toHexString(address);
    }

    @Test
    void aCacheWithObjectsInUseStaysOpen() {
        try (Polder pool = open("cache")) {
            SlabCache cache = pool.createCache("things", 64);
            long a = cache.alloc(Gfp.KERNEL);
            assertThatThrownBy(cache::close).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("things").hasMessageContaining("1 of its objects");
            cache.free(a);
            long b = cache.alloc(Gfp.KERNEL);
            cache.free(b);
            cache.close();
            cache.close();
            assertThatThrownBy(() -> cache.alloc(Gfp.KERNEL))
                    .isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
            assertThatThrownBy(() -> cache.free(b)).isInstanceOf(IllegalArgumentException.class);
            pool.verify();
        }
    }

    @Test
    void aMemoryPoolWithElementsInUseStaysOpenAndSoDoesItsCache() {
        try (Polder pool = open("mempool")) {
            SlabCache cache = pool.createCache("elements", 64);
            MemPool reserve = pool.createMemPool(cache, 2);
            assertThatThrownBy(cache::close).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("2 of its objects");
            long a = reserve.alloc(Gfp.KERNEL);
            assertThatThrownBy(reserve::close).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("elements").hasMessageContaining("1 of its elements");
            reserve.free(a);
            assertThatThrownBy(() -> reserve.free(a)).isInstanceOf(IllegalArgumentException.class);
            reserve.close();
            reserve.close();
            assertThatThrownBy(() -> reserve.alloc(Gfp.KERNEL))
                    .isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
            cache.close();
            pool.verify();
        }
    }

    @Test
    void anArenaIsClosedOnce() {
        Polder pool = open("arena");
        Arena arena = pool.arena(ArenaKind.CONFINED, Gfp.KERNEL);
        arena.allocate(100);
        arena.close();
        assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> arena.allocate(1)).isInstanceOf(IllegalStateException.class);
        Arena shared = pool.arena(ArenaKind.SHARED, Gfp.KERNEL);
        shared.allocate(100);
        pool.close();
        shared.close();
    }

    @Tag("remapping")
    @Test
    void aRegistrationClosedFromInsideItsShrinkerIsRefused() {
        try (Polder pool = open("registration")) {
            List<Throwable> refused = new ArrayList<>();
            AtomicReference<@Nullable Registration> self = new AtomicReference<>();
            Registration registration = pool.register(ShrinkerSpec.of("self", new Shrinker() {
                @Override
                public long count(ShrinkControl sc) {
                    return 1 << 20;
                }

                @Override
                public long scan(ShrinkControl sc) {
                    try {
                        Objects.requireNonNull(self.get()).close();
                    } catch (IllegalStateException e) {
                        refused.add(e);
                    }
                    return STOP;
                }
            }));
            self.set(registration);
            MemorySegment most = pool.allocate(12 << 20, Gfp.KERNEL);
            assertThat(pool.tryAllocate(8 << 20, Gfp.KERNEL | Gfp.NORETRY)).isNull();
            pool.free(most);
            assertThat(refused).isNotEmpty();
            assertThat(refused.getFirst()).hasMessageContaining("self");
            registration.close();
            registration.close();
        }
    }

    @Test
    void closeWhileOthersAllocateAndFreeEndsThemWithAnException() throws InterruptedException {
        for (int round = 0; round < 10; round++) {
            Polder pool = open("busy");
            SlabCache cache = pool.createCache("things", 64);
            int threads = 4;
            CountDownLatch busy = new CountDownLatch(threads);
            Queue<Throwable> ends = new ConcurrentLinkedQueue<>();
            List<Thread> users = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                int kind = t;
                Runnable user = () -> {
                    try {
                        for (int i = 0;; i++) {
                            once(pool, cache, kind);
                            if (i == 20) {
                                busy.countDown();
                            }
                        }
                    } catch (Throwable e) {
                        ends.add(e);
                    }
                };
                users.add(kind == 3 ? Thread.ofVirtual().start(user) : new Thread(user));
            }
            users.forEach(u -> {
                if (!u.isVirtual()) {
                    u.start();
                }
            });
            assertThat(busy.await(30, TimeUnit.SECONDS)).isTrue();
            pool.close();
            for (Thread u : users) {
                assertThat(u.join(java.time.Duration.ofSeconds(30))).isTrue();
            }
            assertThat(ends).hasSize(threads).allSatisfy(e -> assertThat(e)
                    .isInstanceOfAny(IllegalStateException.class, IllegalArgumentException.class)
                    .hasMessageMatching("(?s).*clos.*"));
        }
    }

    private static void once(Polder pool, SlabCache cache, int kind) {
        switch (kind) {
            case 0 -> cache.free(cache.alloc(Gfp.KERNEL));
            case 1 -> pool.vmalloc().free(pool.vmalloc().alloc(50_000, Gfp.KERNEL));
            case 2 -> pool.pages().free(pool.pages().alloc(1, Gfp.KERNEL | Gfp.ZERO));
            default -> {
                MemorySegment s = pool.allocate(100, Gfp.KERNEL | Gfp.ZERO);
                s.fill((byte) 1);
                pool.free(pool.reallocate(s, 10_000, Gfp.KERNEL));
            }
        }
    }
}
