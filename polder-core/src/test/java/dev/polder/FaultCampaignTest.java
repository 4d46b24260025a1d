package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.debug.FaultAttributes;
import dev.polder.debug.FaultInjector;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.mempool.MemPool;
import dev.polder.slab.SlabCache;
import dev.polder.testkit.Row;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The campaign: of every public operation the first, second, … internal request fails, each on a
/// pool of its own, until the operation makes fewer. Whatever came of it, everything is consistent,
/// and once its result is given back the pool holds what it held before.
@Row("L3")
final class FaultCampaignTest {
    /// More requests than any of the operations makes.
    private static final int GIVE_UP = 400;
    /// Looks at the figures while kswapd unmaps: a real leak fails all of them.
    private static final int LOOKS = 10_000;

    /// What is tried; it returns what takes its result back, or null for a shortage.
    @FunctionalInterface
    interface Attempt {
        @Nullable Runnable of(Polder pool) throws InterruptedException;
    }

    record Operation(String name, Attempt attempt) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static Operation op(String name, Attempt attempt) {
        return new Operation(name, attempt);
    }

    private static @Nullable Runnable taken(long address, Runnable giver) {
        return address == 0 ? null : giver;
    }

    private static Attempt run(int order) {
        return pool -> {
            long run = pool.pages().alloc(order, Gfp.KERNEL);
            return taken(run, () -> pool.pages().free(run));
        };
    }

    private static Attempt kmalloc(long size, int gfp) {
        return pool -> {
            long a = pool.kmalloc().alloc(size, gfp);
            return taken(a, () -> pool.kmalloc().free(a));
        };
    }

    private static Attempt vmalloc(long size, int gfp) {
        return pool -> {
            long a = pool.vmalloc().alloc(size, gfp);
            return taken(a, () -> pool.vmalloc().free(a));
        };
    }

    private static Attempt facade(long size, int gfp) {
        return pool -> {
            MemorySegment s = pool.allocate(size, gfp);
            return () -> pool.free(s);
        };
    }

    static Stream<Operation> operations() {
        List<Operation> all = new ArrayList<>();
        IntStream.rangeClosed(0, 10).forEach(k -> all.add(op("pages of order " + k, run(k))));
        for (long size : new long[] {8, 100, 8192, 8193, 200_000, 4 << 20}) {
            all.add(op("kmalloc " + size, kmalloc(size, Gfp.KERNEL | Gfp.ZERO)));
        }
        for (long size : new long[] {1, 20_000, 1_000_000}) {
            all.addAll(areas(size));
        }
        all.add(op("kmalloc aligned", pool -> {
            long a = pool.kmalloc().alloc(100, 65_536, Gfp.KERNEL);
            return taken(a, () -> pool.kmalloc().free(a));
        }));
        all.add(op("kvmalloc", pool -> {
            long a = pool.kv().alloc(50_000, Gfp.KERNEL);
            return taken(a, () -> pool.kv().free(a));
        }));
        all.add(op("try to allocate", pool -> {
            MemorySegment s = pool.tryAllocate(50_000, Gfp.KERNEL);
            return s == null ? null : () -> pool.free(s);
        }));
        all.add(op("allocate aligned", pool -> {
            MemorySegment s = pool.allocate(100, 65_536, Gfp.KERNEL);
            return () -> pool.free(s);
        }));
        all.add(op("cache", FaultCampaignTest::cache));
        all.add(op("memory pool", FaultCampaignTest::memoryPool));
        all.add(op("reallocate", FaultCampaignTest::reallocate));
        all.add(op("arena", FaultCampaignTest::arena));
        return all.stream();
    }

    /// The doors that lead to vmalloc, for areas of this size.
    private static List<Operation> areas(long size) {
        return List.of(op("vmalloc " + size, vmalloc(size, Gfp.KERNEL | Gfp.ZERO)),
                op("allocate " + size, facade(size, Gfp.KERNEL)),
                op("allocate for a group " + size, inGroup(size)));
    }

    /// Larger than any run: nothing but remapping makes such an area.
    static List<Operation> largeAreas() {
        return areas(5 << 20);
    }

    private static Attempt inGroup(long size) {
        return pool -> {
            MemGroup group = pool.group().create("query");
            MemorySegment s;
            try (var in = group.enter()) {
                assertThat(in).isNotNull();
                s = pool.allocate(size, Gfp.KERNEL_ACCOUNT);
            } finally {
                if (group.charged() == 0) {
                    assertThat(pool.group().charged()).isZero();
                }
            }
            return () -> {
                pool.free(s);
                pool.parts().slabs().shrinkAll();
                assertThat(group.charged()).as("charge of the group").isZero();
            };
        };
    }

    private static @Nullable Runnable cache(Polder pool) {
        SlabCache cache = pool.createCache("things", 700);
        List<Long> held = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            long a = cache.alloc(Gfp.KERNEL);
            if (a != 0) {
                held.add(a);
            }
        }
        return () -> {
            held.forEach(cache::free);
            cache.close();
        };
    }

    private static @Nullable Runnable memoryPool(Polder pool) {
        SlabCache cache = pool.createCache("elements", 700);
        MemPool reserve;
        try {
            reserve = pool.createMemPool(cache, 40);
        } catch (AllocationFailedException e) {
            cache.close();
            throw e;
        }
        List<Long> held = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            long a = reserve.alloc(Gfp.KERNEL);
            assertThat(a).as("a memory pool never fails a request that may block").isNotZero();
            held.add(a);
        }
        return () -> {
            held.forEach(reserve::free);
            reserve.verify();
            reserve.close();
            cache.close();
        };
    }

    private static @Nullable Runnable reallocate(Polder pool) {
        MemorySegment s = pool.allocate(1000, Gfp.KERNEL | Gfp.NOFAIL);
        s.fill((byte) 5);
        try {
            MemorySegment larger = pool.reallocate(s, 50_000, Gfp.KERNEL);
            return () -> pool.free(larger);
        } catch (AllocationFailedException e) {
            assertThat(s.toArray(ValueLayout.JAVA_BYTE)).containsOnly(5);
            pool.free(s);
            throw e;
        }
    }

    private static @Nullable Runnable arena(Polder pool) {
        Arena arena = pool.arena(ArenaKind.SHARED, Gfp.KERNEL);
        try {
            for (long size = 10; size < 300_000; size *= 5) {
                arena.allocate(size);
            }
            return arena::close;
        } catch (AllocationFailedException e) {
            arena.close();
            throw e;
        }
    }

    /// Runs the operation with its `n`-th request failing, and says whether it made that many.
    private static boolean failed(Operation operation, int n, FaultAttributes faults)
            throws InterruptedException {
        try (Polder pool = Polder.open(PolderConfig.builder().name("campaign")
                .budget(16L << 20).build())) {
            pool.pages().faultInjector(faults);
            pool.parts().slabs().faultInjector(faults);
            long before = held(pool);
            Runnable undo = null;
            FaultAttributes.failNth(n);
            try {
                undo = operation.attempt.of(pool);
            } catch (AllocationFailedException e) {
                assertThat(e.getMessage()).contains("what to do");
            }
            boolean made = FaultAttributes.failNthLeft() == 0;
            FaultAttributes.failNth(0);
            pool.pages().faultInjector(FaultInjector.NONE);
            pool.parts().slabs().faultInjector(FaultInjector.NONE);
            pool.verify();
            assertThat(made || undo != null).as("nothing failed, so it succeeds").isTrue();
            if (undo != null) {
                undo.run();
            }
            pool.verify();
            assertThat(settled(pool, before)).as("bytes held after request %s of %s failed", n,
                    operation).isEqualTo(before);
            return made;
        } finally {
            FaultAttributes.failNth(0);
        }
    }

    /// Bytes of the pool that somebody holds, beyond what is kept for re-use.
    private static long held(Polder pool) {
        pool.parts().slabs().shrinkAll();
        MemInfo info = pool.memInfo();
        return info.used() - info.vmallocLazy() - info.pageTables();
    }

    /// The same, once background reclaim is not just between two of the figures.
    private static long settled(Polder pool, long expected) {
        long now = held(pool);
        for (int i = 0; i < LOOKS && now != expected; i++) {
            Thread.onSpinWait();
            now = held(pool);
        }
        return now;
    }

    /// Fails each request of an operation in turn; how many there were.
    private static int campaign(Operation operation) throws InterruptedException {
        FaultAttributes faults = FaultAttributes.builder().ignoreDirect(false).minOrder(0).build();
        int n = 1;
        while (n < GIVE_UP && failed(operation, n, faults)) {
            n++;
        }
        assertThat(n).as("the end of the operation was reached").isLessThan(GIVE_UP);
        assertThat(faults.failed()).isEqualTo(n - 1);
        return n - 1;
    }

    @ParameterizedTest
    @MethodSource("operations")
    void eachRequestFailsOnce(Operation operation) throws InterruptedException {
        assertThat(campaign(operation)).as("requests that could fail").isPositive();
    }

    @ParameterizedTest
    @MethodSource("largeAreas")
    @Tag("remapping")
    void eachRequestForALargeAreaFailsOnce(Operation operation) throws InterruptedException {
        assertThat(campaign(operation)).as("requests that could fail").isPositive();
    }

    /// What asks for no memory of the pool.
    static List<Operation> quietOperations() {
        return List.of(op("group", pool -> {
            MemGroup query = pool.group().create("query").max(1 << 20).high(1 << 20).low(1).min(1);
            query.create("step").close();
            query.enter().close();
            query.close();
            return () -> { };
        }), op("register", pool -> pool.register(
                ShrinkerSpec.of("r", new CallbackShrinker(() -> { })))::close),
                op("nothing", facade(0, Gfp.KERNEL)),
                op("figures", pool -> {
                    assertThat(pool.showMem() + pool.memInfo() + pool.findings() + pool.config()
                            + pool.explain(new InternalError("none"))).isNotEmpty();
                    pool.verify();
                    return () -> { };
                }));
    }

    @ParameterizedTest
    @MethodSource("quietOperations")
    void whatAsksForNothingIsNotTouchedByFailures(Operation operation)
            throws InterruptedException {
        assertThat(campaign(operation)).isZero();
    }

    @Test
    @Row("L1")
    void nofailSucceedsWhateverFails() throws InterruptedException {
        int gfp = Gfp.KERNEL | Gfp.NOFAIL;
        for (Operation operation : List.of(op("kmalloc", kmalloc(100, gfp)),
                op("large kmalloc", kmalloc(200_000, gfp)), op("vmalloc", vmalloc(50_000, gfp)),
                op("facade", facade(50_000, gfp)), op("large facade", facade(2 << 20, gfp)))) {
            campaign(op(operation.name, pool -> {
                Runnable undo = operation.attempt.of(pool);
                assertThat(undo).as("%s with NOFAIL", operation).isNotNull();
                return undo;
            }));
        }
    }

    @Test
    void anAsynchronousRequestEndsWithASegmentOrAFailure() throws InterruptedException {
        boolean again = true;
        for (int n = 1; again; n++) {
            assertThat(n).isLessThan(GIVE_UP);
            // Not of one thread: the request goes on elsewhere.
            AtomicInteger left = new AtomicInteger(n);
            FaultInjector nth = (_, _, gfp) ->
                    (gfp & Gfp.NOFAIL) == 0 && left.decrementAndGet() % 2 == 0 && left.get() <= 0;
            try (Polder pool = Polder.open(PolderConfig.builder().name("async")
                    .budget(16L << 20).build())) {
                long before = held(pool);
                pool.pages().faultInjector(nth);
                pool.parts().slabs().faultInjector(nth);
                Future<MemorySegment> later = pool.allocateAsync(50_000, Gfp.KERNEL);
                try {
                    pool.free(later.get());
                } catch (ExecutionException e) {
                    assertThat(e.getCause()).isInstanceOf(AllocationFailedException.class);
                }
                again = left.get() <= 0;
                pool.pages().faultInjector(FaultInjector.NONE);
                pool.parts().slabs().faultInjector(FaultInjector.NONE);
                pool.verify();
                assertThat(settled(pool, before)).isEqualTo(before);
            }
        }
    }

    @Test
    void aPlantedLeakIsFound() {
        assertThatThrownBy(() -> campaign(op("leaking", pool -> {
            long first = pool.pages().alloc(0, Gfp.KERNEL);
            long second = pool.pages().alloc(0, Gfp.KERNEL);
            if (second == 0) {
                return null;    // and forgets the first
            }
            return () -> {
                pool.pages().free(first);
                pool.pages().free(second);
            };
        }))).isInstanceOf(AssertionError.class).hasMessageContaining("request 2 of leaking failed");
    }
}
