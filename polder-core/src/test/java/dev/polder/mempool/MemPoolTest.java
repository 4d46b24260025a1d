package dev.polder.mempool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.debug.FaultInjector;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.os.VirtualClock;
import dev.polder.page.Role;
import dev.polder.slab.SlabCache;
import dev.polder.slab.SlabPool;
import dev.polder.slab.SlabPool.Request;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class MemPoolTest {
    private static final long SECOND = 1_000_000_000L;
    private static final int EXTRA = Gfp.NOMEMALLOC | Gfp.NORETRY | Gfp.NOWARN;

    private final VirtualClock clock = new VirtualClock();
    private final SlabPool memory = new SlabPool(16, clock);
    /// One object a slab, so that every object that is not at hand is a page request.
    private final SlabCache cache = new SlabCache(memory.slabs(), "requests", 1 << 20);
    private final MemPool pool = new MemPool(cache, 2);

    @AfterEach
    void verifyAndClose() {
        FsReclaim.install(null);
        memory.pages().faultInjector(FaultInjector.NONE);
        pool.verify();
        pool.close();
        cache.close();
        assertThat(memory.used()).isZero();
        memory.close();
    }

    /// Lets no page request through from now on.
    private void noMorePages() {
        memory.pages().faultInjector((_, _, _) -> true);
    }

    private CompletableFuture<Long> allocOnAnotherThread(int gfp) {
        return allocOnAnotherThread(pool, gfp);
    }

    private static CompletableFuture<Long> allocOnAnotherThread(MemPool pool, int gfp) {
        CompletableFuture<Long> result = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try {
                result.complete(pool.alloc(gfp));
            } catch (Throwable t) {
                result.completeExceptionally(t);
            }
        });
        return result;
    }

    private static long get(CompletableFuture<Long> future) throws Exception {
        return future.get(20, TimeUnit.SECONDS);
    }

    @Test
    @Row("J1")
    void creationTakesTheReserveOrKeepsNothing() {
        assertThat(pool.reserved()).isEqualTo(2);
        assertThat(pool.minimum()).isEqualTo(2);
        assertThat(cache.stats().activeObjects()).isEqualTo(2);
        AtomicInteger left = new AtomicInteger(3);
        memory.pages().faultInjector((_, _, _) -> left.getAndDecrement() <= 0);
        assertThatThrownBy(() -> new MemPool(cache, 10)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("10");
        left.set(3);
        assertThat(MemPool.tryCreate(cache, 10)).isNull();
        assertThat(cache.stats().activeObjects()).isEqualTo(2);
        left.set(3);
        MemPool small = MemPool.tryCreate(cache, 3);
        assertThat(small).isNotNull();
        if (small != null) {
            small.verify();
            small.close();
        }
        assertThatThrownBy(() -> new MemPool(cache, -1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @Row("J1")
    void creationKeepsNothingAlsoWhenARequestThrows() {
        AtomicInteger left = new AtomicInteger(3);
        memory.pages().faultInjector((_, _, _) -> {
            if (left.getAndDecrement() <= 0) {
                throw new IllegalStateException("as if the pool was closed");
            }
            return false;
        });
        assertThatThrownBy(() -> MemPool.tryCreate(cache, 10)).hasMessageContaining("as if");
        assertThat(cache.stats().activeObjects()).isEqualTo(2);
    }

    @Test
    @Row("J1")
    void aPoolWithoutReserveStoresNothing() {
        MemPool none = new MemPool(cache, 0);
        long element = none.alloc(Gfp.KERNEL);
        none.free(element);
        assertThat(none.reserved()).isZero();
        noMorePages();
        // The element's slab is kept by the cache, so take that first.
        List<Long> kept = new ArrayList<>();
        for (long e = none.alloc(Gfp.NOWAIT); e != 0; e = none.alloc(Gfp.NOWAIT)) {
            kept.add(e);
        }
        kept.forEach(none::free);
        none.verify();
        none.close();
    }

    @Test
    @Row("J2")
    void everyAttemptIsMarkedAndTheFirstMayNeitherBlockNorDoIo() {
        for (int gfp : new int[] {Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO, Gfp.KERNEL | Gfp.NOFAIL,
            Gfp.ATOMIC, Gfp.NOWAIT, Gfp.KERNEL | Gfp.HIGH | Gfp.RETRY_MAYFAIL}) {
            // The reserve and what the cache keeps go first.
            List<Long> held = new ArrayList<>();
            noMorePages();
            for (long e = pool.alloc(Gfp.NOWAIT); e != 0; e = pool.alloc(Gfp.NOWAIT)) {
                held.add(e);
            }
            AtomicInteger failures = new AtomicInteger(4);
            memory.pages().faultInjector((_, _, _) -> failures.getAndDecrement() > 0);
            memory.record();
            int full = (gfp | EXTRA) & ~Gfp.NOFAIL;
            int first = full & ~(Gfp.DIRECT_RECLAIM | Gfp.IO);
            if (first == full) {
                assertThat(pool.alloc(gfp)).isZero();
                assertThat(memory.taken()).as(Gfp.toString(gfp)).containsExactly(
                        request(full, false), request(full, false));
            } else if (!Gfp.allowsBlocking(gfp)) {
                assertThat(pool.alloc(gfp)).isZero();
            } else {
                failures.set(3);
                long element = pool.alloc(gfp);
                // A slab asks twice for each attempt (G2); preferred and smallest order are equal.
                assertThat(memory.taken()).as(Gfp.toString(gfp)).containsExactly(
                        request(first, false), request(first, false), request(full, false),
                        request(full, true));
                held.add(element);
            }
            memory.pages().faultInjector(FaultInjector.NONE);
            held.forEach(pool::free);
        }
    }

    private static Request request(int gfp, boolean got) {
        return new Request(Role.SLAB, 8, gfp, gfp, got);
    }

    @Test
    @Row("J3")
    void theCacheIsAskedThenTheReserveThenTheCacheWithAllMeans() {
        List<String> events = new ArrayList<>();
        memory.record((_, _, _, used, _) ->
                events.add(Gfp.allowsBlocking(used) ? "cache, may block" : "cache"));
        noMorePages();
        long first = pool.alloc(Gfp.KERNEL);
        assertThat(events).as("the reserve comes before any blocking")
                .containsExactly("cache", "cache");
        assertThat(pool.reserved()).isEqualTo(1);
        long second = pool.alloc(Gfp.KERNEL);
        assertThat(pool.reserved()).isZero();
        assertThat(pool.inUse()).isEqualTo(2);
        events.clear();
        assertThat(pool.alloc(Gfp.NOWAIT)).as("may not block").isZero();
        assertThat(pool.alloc(Gfp.ATOMIC)).isZero();
        assertThat(pool.waits()).isZero();
        pool.free(first);
        pool.free(second);
        assertThat(pool.reserved()).isEqualTo(2);
    }

    @Test
    @Row({"J3", "J5"})
    void whoMayBlockWaitsUntilAnElementComesBack() throws Exception {
        noMorePages();
        long first = pool.alloc(Gfp.KERNEL);
        long second = pool.alloc(Gfp.KERNEL);
        CompletableFuture<Long> third = allocOnAnotherThread(Gfp.NOIO);
        clock.awaitParked(1);
        assertThat(pool.waiting()).isEqualTo(1);
        pool.free(first);
        assertThat(get(third)).isEqualTo(first);
        assertThat(pool.waits()).isEqualTo(1);
        pool.free(second);
        pool.free(first);
        assertThat(pool.reserved()).isEqualTo(2);
    }

    @Test
    @Row("J3")
    void aWaiterAsksTheCacheAgainEveryFiveSeconds() throws Exception {
        AtomicInteger attempts = new AtomicInteger();
        memory.pages().faultInjector((_, _, _) -> true);
        long first = pool.alloc(Gfp.KERNEL);
        long second = pool.alloc(Gfp.KERNEL);
        memory.record((_, _, _, _, _) -> attempts.incrementAndGet());
        CompletableFuture<Long> third = allocOnAnotherThread(Gfp.KERNEL);
        clock.awaitParked(1);
        assertThat(attempts.getAndSet(0)).as("both rounds, two requests each").isEqualTo(4);
        clock.advance(5 * SECOND - 1);
        assertThat(attempts).hasValue(0);
        clock.advance(1);
        clock.awaitParked(1);
        assertThat(attempts.getAndSet(0)).as("one round, with all means").isEqualTo(2);
        assertThat(third).isNotDone();
        memory.pages().faultInjector(FaultInjector.NONE);
        clock.advance(5 * SECOND);
        long element = get(third);
        assertThat(element).isNotZero().isNotEqualTo(first).isNotEqualTo(second);
        assertThat(pool.waits()).isEqualTo(2);
        for (long e : new long[] {first, second, element}) {
            pool.free(e);
        }
    }

    @Test
    @Row("J3")
    void anInterruptNeitherEndsTheWaitNorIsLost() throws Exception {
        noMorePages();
        long first = pool.alloc(Gfp.KERNEL);
        long second = pool.alloc(Gfp.KERNEL);
        CompletableFuture<Boolean> flag = new CompletableFuture<>();
        Thread waiter = Thread.ofPlatform().daemon().start(() -> {
            try {
                pool.free(pool.alloc(Gfp.KERNEL));
                flag.complete(Thread.currentThread().isInterrupted());
            } catch (Throwable t) {
                flag.completeExceptionally(t);
            }
        });
        clock.awaitParked(1);
        long parks = clock.parks();
        waiter.interrupt();
        long patience = System.nanoTime() + 20 * SECOND;
        while (clock.parks() == parks && System.nanoTime() - patience < 0) {
            LockSupport.parkNanos(100_000);
        }
        clock.awaitParked(1);
        assertThat(flag).isNotDone();
        pool.free(first);
        assertThat(flag.get(20, TimeUnit.SECONDS)).as("the flag is kept").isTrue();
        pool.free(second);
    }

    @Test
    @Row("J4")
    void zeroedElementsCannotBeHad() {
        assertThatThrownBy(() -> pool.alloc(Gfp.KERNEL | Gfp.ZERO))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("dirty");
        assertThatThrownBy(() -> pool.alloc(1 << 30)).isInstanceOf(IllegalArgumentException.class);
        noMorePages();
        long element = pool.alloc(Gfp.KERNEL);
        memory.write(element, 42);
        pool.free(element);
        long again = pool.alloc(Gfp.KERNEL);
        assertThat(again).isEqualTo(element);
        assertThat(memory.read(again)).isEqualTo(42);
        pool.free(again);
    }

    @Test
    @Row("J5")
    void freedElementsFillTheReserveFirstAndThenGoToTheCache() {
        List<Long> held = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            held.add(pool.alloc(Gfp.KERNEL));
        }
        assertThat(pool.reserved()).as("the cache could serve").isEqualTo(2);
        noMorePages();
        long fromReserve = pool.alloc(Gfp.KERNEL);
        assertThat(pool.reserved()).isEqualTo(1);
        pool.free(held.removeFirst());
        assertThat(pool.reserved()).isEqualTo(2);
        long active = cache.stats().activeObjects();
        pool.free(held.removeFirst());
        assertThat(pool.reserved()).isEqualTo(2);
        assertThat(cache.stats().activeObjects()).isEqualTo(active - 1);
        pool.free(fromReserve);
        held.forEach(pool::free);
        pool.free(0);
        assertThat(pool.inUse()).isZero();
    }

    @Test
    @Row("J5")
    void eachFreeWakesOneWaiterAndAllAreServed() throws Exception {
        noMorePages();
        long first = pool.alloc(Gfp.KERNEL);
        long second = pool.alloc(Gfp.KERNEL);
        List<CompletableFuture<Long>> waiters = new ArrayList<>();
        for (int i = 1; i <= 4; i++) {
            waiters.add(allocOnAnotherThread(Gfp.KERNEL).thenApply(element -> {
                pool.free(element);
                return element;
            }));
            clock.awaitParked(i);
        }
        pool.free(first);
        for (CompletableFuture<Long> waiter : waiters) {
            assertThat(get(waiter)).isEqualTo(first);
        }
        pool.free(second);
        assertThat(pool.reserved()).isEqualTo(2);
        assertThat(pool.waiting()).isZero();
    }

    @Test
    void aWaiterServedByTheCacheHandsItsWakeUpOn() throws Exception {
        noMorePages();
        long first = pool.alloc(Gfp.KERNEL);
        long second = pool.alloc(Gfp.KERNEL);
        CompletableFuture<Long> third = allocOnAnotherThread(Gfp.KERNEL);
        clock.awaitParked(1);
        CompletableFuture<Long> fourth = allocOnAnotherThread(Gfp.KERNEL);
        clock.awaitParked(2);
        // Whoever wakes finds the cache able to serve again, and leaves the element in the reserve.
        memory.pages().faultInjector(FaultInjector.NONE);
        pool.free(first);
        long a = get(third);
        long b = get(fourth);
        assertThat(a).isNotZero().isNotEqualTo(b);
        pool.free(a);
        pool.free(b);
        pool.free(second);
        assertThat(pool.reserved()).isEqualTo(2);
    }

    @Test
    @Row("L5")
    void theInjectorForcesTheReserve() throws Exception {
        List<String> sites = new CopyOnWriteArrayList<>();
        pool.faultInjector((site, _, gfp) -> {
            sites.add(site + " " + Gfp.toString(gfp));
            return true;
        });
        memory.record();
        long first = pool.alloc(Gfp.KERNEL);
        long second = pool.alloc(Gfp.KERNEL);
        assertThat(pool.reserved()).isZero();
        assertThat(sites).hasSize(2).containsOnly("mempool:requests GFP_KERNEL");
        assertThat(pool.alloc(Gfp.NOWAIT)).isZero();
        CompletableFuture<Long> third = allocOnAnotherThread(Gfp.KERNEL);
        clock.awaitParked(1);
        assertThat(memory.taken()).as("the cache is not asked").isEmpty();
        pool.free(second);
        assertThat(get(third)).isEqualTo(second);
        pool.faultInjector(FaultInjector.NONE);
        pool.free(first);
        pool.free(second);
    }

    @Test
    void wrongFreesAreCaught() {
        long element = pool.alloc(Gfp.KERNEL);
        assertThatThrownBy(() -> cache.free(element)).as("past the pool")
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("memory pool");
        assertThatThrownBy(() -> pool.free(element + 8))
                .isInstanceOf(IllegalArgumentException.class);
        pool.free(element);
        assertThatThrownBy(() -> pool.free(element)).as("twice, now in the cache")
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("free already");
        noMorePages();
        List<Long> held = new ArrayList<>();
        for (long e = pool.alloc(Gfp.NOWAIT); e != 0; e = pool.alloc(Gfp.NOWAIT)) {
            held.add(e);
        }
        long back = held.removeFirst();
        pool.free(back);
        assertThatThrownBy(() -> pool.free(back)).as("twice, now in the reserve")
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("reserve");
        assertThatThrownBy(() -> cache.free(back)).isInstanceOf(IllegalArgumentException.class);
        held.forEach(pool::free);
        memory.pages().faultInjector(FaultInjector.NONE);
        long foreign = cache.alloc(Gfp.KERNEL);
        assertThatThrownBy(() -> pool.free(foreign)).as("not taken from a pool")
                .isInstanceOf(IllegalArgumentException.class);
        cache.free(foreign);
        pool.verify();
    }

    @Test
    void aPoolWithElementsInUseDoesNotClose() {
        long element = pool.alloc(Gfp.KERNEL);
        assertThatThrownBy(pool::close).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("1 of its elements");
        pool.free(element);
        pool.close();
        pool.close();
        assertThat(pool.reserved()).isZero();
        assertThatThrownBy(() -> pool.alloc(Gfp.KERNEL)).isInstanceOf(IllegalStateException.class);
        pool.verify();
    }

    @Test
    void aCloseJustBeforeTheWaitIsNotOverlooked() {
        MemPool p = new MemPool(cache, 1);
        p.faultInjector((_, _, _) -> true);
        long first = p.alloc(Gfp.KERNEL);
        AtomicInteger asked = new AtomicInteger();
        p.faultInjector((_, _, _) -> {
            if (asked.incrementAndGet() == 2) {
                p.free(first);
                p.close();
            }
            return true;
        });
        CompletableFuture<Long> waiting = allocOnAnotherThread(p, Gfp.KERNEL);
        assertThatThrownBy(() -> get(waiting)).hasCauseInstanceOf(IllegalStateException.class);
    }

    @Test
    @Row("J3")
    void withoutAReserveAnyElementWakesAWaiter() throws Exception {
        MemPool none = new MemPool(cache, 0);
        List<Long> held = new ArrayList<>();
        for (long e = none.alloc(Gfp.NOWAIT); e != 0; e = none.alloc(Gfp.NOWAIT)) {
            held.add(e);
        }
        noMorePages();
        CompletableFuture<Long> waiting = allocOnAnotherThread(none, Gfp.KERNEL);
        clock.awaitParked(1);
        none.free(held.removeLast());
        held.add(get(waiting));
        held.forEach(none::free);
        none.verify();
        none.close();
    }

    @Test
    void closingTheMemoryEndsTheWait() throws Exception {
        SlabPool other = new SlabPool(16, clock);
        SlabCache c = new SlabCache(other.slabs(), "closing", 4096);
        MemPool p = new MemPool(c, 1);
        p.faultInjector((_, _, _) -> true);
        p.alloc(Gfp.KERNEL);
        CompletableFuture<Long> waiting = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try {
                waiting.complete(p.alloc(Gfp.KERNEL));
            } catch (Throwable t) {
                waiting.completeExceptionally(t);
            }
        });
        clock.awaitParked(1);
        other.close();
        assertThatThrownBy(() -> get(waiting)).hasCauseInstanceOf(IllegalStateException.class);
    }

    @Test
    void theLockCheckerHearsTheRequestAndTheWait() throws Exception {
        List<String> heard = new CopyOnWriteArrayList<>();
        noMorePages();
        long first = pool.alloc(Gfp.KERNEL);
        long second = pool.alloc(Gfp.KERNEL);
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
                if (heard.isEmpty()) {
                    heard.add("alloc " + Gfp.toString(effectiveGfp));
                }
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
            }

            @Override
            public void waitBegin(Object on, int effectiveGfp) {
                heard.add("wait " + on);
            }

            @Override
            public void waitEnd(Object on) {
                heard.add("end " + on);
            }
        });
        CompletableFuture<Long> third = allocOnAnotherThread(Gfp.NOFS);
        clock.awaitParked(1);
        pool.free(first);
        pool.free(get(third));
        pool.free(second);
        assertThat(heard).containsExactly("alloc GFP_NOFS",
                "wait the memory pool over cache requests",
                "end the memory pool over cache requests");
    }
}
