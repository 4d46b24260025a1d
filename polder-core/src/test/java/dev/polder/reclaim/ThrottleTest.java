package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.os.Clock;
import dev.polder.reclaim.FakePool.Cache;
import dev.polder.reclaim.ReclaimThrottle.Reason;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.testkit.Row;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Who waits in reclaim, for what, and for how long at most: on virtual time.
final class ThrottleTest {

    private static final ScopeSite HANDLE = ScopeSite.of("journal handle");
    private static final long SECOND = Clock.HZ * Clock.TICK_NANOS;

    private final FakePool pool = new FakePool();

    @AfterEach
    void close() {
        pool.close();
    }

    private long reclaim(int gfp) {
        return pool.vmscan.tryToFreePages(0, gfp);
    }

    /// Reclaim by somebody restricted in the given way.
    private Callable<Long> as(String who) {
        return () -> switch (who) {
            case "nofs" -> reclaim(Gfp.NOFS);
            case "noio" -> reclaim(Gfp.NOIO);
            case "nofs scope" -> inside(MemallocScope.noFs(HANDLE));
            case "noio scope" -> inside(MemallocScope.noIo(HANDLE));
            case "domain" -> inside(MemallocScope.excluding(ReclaimDomain.of("d"), HANDLE));
            default -> reclaim(Gfp.KERNEL);
        };
    }

    private long inside(MemallocScope scope) {
        try (scope) {
            return reclaim(Gfp.KERNEL);
        }
    }

    // E9.

    /// A cache of `objects`, of which one scan, of another thread, holds 128 until it is let go.
    private Reclaimer<Long> isolate(Cache cache, CountDownLatch letGo) {
        CountDownLatch inside = new CountDownLatch(1);
        cache.scan = sc -> {
            cache.scan = cache::give;
            inside.countDown();
            await(letGo);
            return cache.give(sc);
        };
        Reclaimer<Long> holder = Reclaimer.start(() -> reclaim(Gfp.KERNEL));
        await(inside);
        assertThat(pool.registry.isolatedObjects()).isEqualTo(128);
        return holder;
    }

    @Row("E9")
    @Test
    void unrestrictedStallsWhenMoreThanAnEighthIsIsolated() throws Exception {
        pool.free.set(FakePool.MIN);
        Cache cache = pool.cache("cache", 1023);
        CountDownLatch letGo = new CountDownLatch(1);
        Reclaimer<Long> holder = isolate(cache, letGo);
        Reclaimer<Long> caller = Reclaimer.start(as("free"));
        pool.clock.awaitParked(1);
        assertThat(pool.vmscan.throttle().waiters(Reason.ISOLATED)).isEqualTo(1);
        pool.clock.advance(Reason.ISOLATED.limitNanos() - 1);
        assertThat(pool.vmscan.throttle().waiters(Reason.ISOLATED)).isEqualTo(1);
        letGo.countDown();
        assertThat(holder.join()).isEqualTo(128);
        assertThat(caller.join()).as("woken early: the holder let go").isPositive();
        assertThat(pool.stat.get(Item.THROTTLE_ISOLATED)).isPositive();
    }

    @Row("E9")
    @Test
    void anEighthIsNotTooMuch() throws Exception {
        pool.free.set(FakePool.MIN);
        Cache cache = pool.cache("cache", 1024);
        CountDownLatch letGo = new CountDownLatch(1);
        Reclaimer<Long> holder = isolate(cache, letGo);
        assertThat(reclaim(Gfp.KERNEL)).isPositive();
        assertThat(pool.stat.get(Item.THROTTLE_ISOLATED)).isZero();
        letGo.countDown();
        holder.join();
    }

    @Row("E9")
    @ParameterizedTest
    @ValueSource(strings = {"nofs", "noio", "nofs scope", "noio scope", "domain"})
    void restrictedIsNotQueuedBehindTheOthers(String who) throws Exception {
        pool.free.set(FakePool.MIN);
        Cache cache = pool.cache("cache", 400);
        CountDownLatch letGo = new CountDownLatch(1);
        Reclaimer<Long> holder = isolate(cache, letGo);
        assertThat(Reclaimer.start(as(who)).join()).isPositive();
        assertThat(pool.stat.get(Item.THROTTLE_ISOLATED)).isZero();
        letGo.countDown();
        holder.join();
    }

    @Row("E9")
    @Test
    void restrictedStallsWhenMoreThanEverythingIsIsolated() throws Exception {
        pool.free.set(FakePool.MIN);
        Cache cache = pool.cache("cache", 127);
        CountDownLatch letGo = new CountDownLatch(1);
        Reclaimer<Long> holder = isolate(cache, letGo);
        Reclaimer<Long> caller = Reclaimer.start(as("nofs"));
        pool.clock.awaitParked(1);
        assertThat(pool.vmscan.throttle().waiters(Reason.ISOLATED)).isEqualTo(1);
        pool.vmscan.closing();
        letGo.countDown();
        holder.join();
        caller.join();
    }

    // E10.

    @Row("E10")
    @Test
    void halfOfMinIsTheBound() {
        pool.cache("cache", 1000);
        pool.free.set(FakePool.MIN / 2 + 1);
        assertThat(reclaim(Gfp.KERNEL)).isPositive();
        assertThat(pool.stat.get(Item.PGSCAN_DIRECT_THROTTLE)).isZero();
    }

    @Row("E10")
    @ParameterizedTest
    @ValueSource(strings = {"nofs", "noio", "nofs scope", "noio scope", "domain"})
    void restrictedWaitsASecondThenHelpsItself(String who) throws Exception {
        Cache cache = pool.cache("cache", 1000);
        pool.free.set(FakePool.MIN / 2);
        Gate gate = new Gate(cache);
        pool.kswapd.start();
        Reclaimer<Long> caller = Reclaimer.start(as(who));
        gate.awaitInside();
        pool.clock.awaitParked(1);
        pool.clock.advance(SECOND - 1);
        assertThat(pool.vmscan.reserveWaiters()).isEqualTo(1);
        pool.clock.advance(1);
        assertThat(caller.join()).isPositive();
        assertThat(pool.stat.get(Item.PGSCAN_DIRECT_THROTTLE)).isEqualTo(1);
        gate.open();
    }

    @Row("E10")
    @Test
    void unrestrictedWaitsUntilKswapdWakesIt() throws Exception {
        Cache cache = pool.cache("cache", 100_000);
        pool.free.set(FakePool.MIN / 2 - 10);
        Gate gate = new Gate(cache);
        gate.frames = 1;
        pool.kswapd.start();
        Reclaimer<Long> caller = Reclaimer.start(as("free"));
        for (int i = 0; i < 3; i++) {
            gate.awaitInside();
            pool.clock.awaitParked(1);
            pool.clock.advance(SECOND * 9 / 10);
            assertThat(caller.done()).as("after %d scans", i).isFalse();
            gate.letOne();
        }
        gate.awaitInside();
        gate.frames = 100;
        gate.letOne();
        FakePool.await(caller::done);
        assertThat(caller.join()).isPositive();
        assertThat(pool.clock.nanos()).isGreaterThan(2 * SECOND);
        gate.open();
    }

    @Row("E10")
    @Test
    void withoutKswapdNobodyWaitsWithoutABound() throws Exception {
        pool.cache("cache", 1000);
        pool.free.set(0);
        Reclaimer<Long> caller = Reclaimer.start(as("free"));
        pool.clock.awaitParked(1);
        pool.clock.advance(SECOND);
        assertThat(caller.join()).isPositive();
    }

    @Row("E10")
    @Test
    void polderOwnThreadsAreExempt() throws Exception {
        pool.cache("cache", 1000);
        pool.free.set(0);
        FutureTask<Long> result = new FutureTask<>(() -> reclaim(Gfp.KERNEL));
        new KernelThread(result, "own").start();
        assertThat(result.get()).isPositive();
        assertThat(pool.stat.get(Item.PGSCAN_DIRECT_THROTTLE)).isZero();
    }

    @Row("E10")
    @Test
    void aClosingPoolEndsTheWaitWithOne() throws Exception {
        Cache cache = pool.cache("cache", 1000);
        pool.free.set(0);
        Gate gate = new Gate(cache);
        pool.kswapd.start();
        Reclaimer<Long> caller = Reclaimer.start(as("free"));
        gate.awaitInside();
        pool.clock.awaitParked(1);
        pool.vmscan.closing();
        assertThat(caller.join()).isEqualTo(1);
        gate.open();
        assertThat(reclaim(Gfp.KERNEL)).as("and nobody waits again").isEqualTo(1);
    }

    @Test
    void anInterruptEndsTheWaitIsKeptAndFailsNothing() throws Exception {
        Cache cache = pool.cache("cache", 1000);
        pool.free.set(0);
        Gate gate = new Gate(cache);
        pool.kswapd.start();
        List<Boolean> flag = new CopyOnWriteArrayList<>();
        Reclaimer<Long> caller = Reclaimer.start(() -> {
            long freed = reclaim(Gfp.KERNEL);
            flag.add(Thread.currentThread().isInterrupted());
            return freed;
        });
        gate.awaitInside();
        pool.clock.awaitParked(1);
        caller.thread.interrupt();
        assertThat(caller.join()).isPositive();
        assertThat(flag).containsExactly(true);
        gate.open();
    }

    @Row({"E10", "E12"})
    @Test
    void nobodyWaitsForAHopelessKswapd() throws Exception {
        pool.free.set(0);
        pool.kswapd.start();
        Reclaimer<Long> caller = Reclaimer.start(as("free"));
        while (!caller.done()) {
            pool.clock.advance(Clock.TICK_NANOS);
            LockSupport.parkNanos(50_000);
        }
        assertThat(caller.join()).isZero();
        assertThat(pool.kswapd.hopeless()).isTrue();
        assertThat(pool.kswapd.runs()).isEqualTo(Vmscan.MAX_RECLAIM_RETRIES);
    }

    @Test
    void theLockCheckerHearsThatAThreadWaitsForMemory() throws Exception {
        pool.free.set(0);
        List<String> heard = new CopyOnWriteArrayList<>();
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
                heard.add("reclaim");
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
            }

            @Override
            public void waitBegin(Object waitedFor, int effectiveGfp) {
                heard.add("wait for " + waitedFor + " " + Gfp.toString(effectiveGfp));
            }

            @Override
            public void waitEnd(Object waitedFor) {
                heard.add("end");
            }
        });
        try {
            Reclaimer<Long> caller = Reclaimer.start(as("nofs scope"));
            pool.clock.awaitParked(1);
            pool.clock.advance(SECOND);
            FakePool.await(() -> heard.contains("reclaim"));
            pool.vmscan.closing();
            caller.join();
        } finally {
            FsReclaim.install(null);
        }
        assertThat(heard).containsExactly("wait for fake GFP_NOFS", "end", "reclaim");
    }

    // E11.

    @Row("E11")
    @ParameterizedTest
    @CsvSource({"WRITEBACK, 25", "ISOLATED, 5", "NOPROGRESS, 1", "CONGESTED, 1"})
    void eachReasonHasItsLimit(Reason reason, long ticks) throws Exception {
        ReclaimThrottle throttle = pool.vmscan.throttle();
        Reclaimer<Boolean> sleeper = Reclaimer.start(() -> {
            throttle.sleep(reason);
            return true;
        });
        pool.clock.awaitParked(1);
        pool.clock.advance(ticks * Clock.TICK_NANOS - 1);
        assertThat(throttle.waiters(reason)).isEqualTo(1);
        pool.clock.advance(1);
        assertThat(sleeper.join()).isTrue();
        assertThat(throttle.waiters(reason)).isZero();
        assertThat(pool.stat.get(Item.THROTTLE_NANOS)).isEqualTo(ticks * Clock.TICK_NANOS);
    }

    @Row("E11")
    @Test
    void writebackEndsEarlyWhenEnoughWasCleanedForAll() throws Exception {
        ReclaimThrottle throttle = pool.vmscan.throttle();
        throttle.cleaned(1000);
        Callable<Boolean> sleep = () -> {
            throttle.sleep(Reason.WRITEBACK);
            return true;
        };
        Reclaimer<Boolean> one = Reclaimer.start(sleep);
        pool.clock.awaitParked(1);
        Reclaimer<Boolean> two = Reclaimer.start(sleep);
        pool.clock.awaitParked(2);
        throttle.cleaned(2 * Vmscan.SWAP_CLUSTER_MAX - 1);
        assertThat(throttle.waiters(Reason.WRITEBACK)).isEqualTo(2);
        throttle.cleaned(1);
        assertThat(one.join()).isTrue();
        assertThat(two.join()).isTrue();
    }

    @Row("E11")
    @Test
    void polderOwnThreadsAreNotThrottled() throws Exception {
        FutureTask<Boolean> result = new FutureTask<>(() -> {
            pool.vmscan.throttle().sleep(Reason.ISOLATED);
            return true;
        });
        new KernelThread(result, "own").start();
        assertThat(result.get()).isTrue();
        assertThat(pool.stat.get(Item.THROTTLE_ISOLATED)).isZero();
    }

    @Row("E11")
    @Test
    void noProgressSleepsOnceAtPriorityOneAndIsWokenByOthersProgress() throws Exception {
        pool.free.set(FakePool.MIN);
        Cache cache = pool.cache("cache", 1000);
        cache.scan = sc -> 0;
        Reclaimer<Long> caller = Reclaimer.start(as("free"));
        pool.clock.awaitParked(1);
        assertThat(pool.vmscan.throttle().waiters(Reason.NOPROGRESS)).isEqualTo(1);
        assertThat(cache.handle.calls()).as("priorities 12 to 1").isEqualTo(12);
        cache.scan = cache::give;
        assertThat(reclaim(Gfp.KERNEL)).isPositive();
        assertThat(caller.join()).as("time stood still").isPositive();
        assertThat(pool.clock.nanos()).isZero();
        assertThat(pool.stat.get(Item.THROTTLE_NOPROGRESS)).isEqualTo(1);
    }

    @Row("E11")
    @Test
    void aLittleProgressIsProgress() {
        pool.free.set(FakePool.MIN);
        Cache cache = pool.cache("cache", 1000);
        cache.scan = sc -> {
            if (cache.scans.size() == 1) {
                pool.freeFrames(1);
            }
            return 0;
        };
        assertThat(reclaim(Gfp.KERNEL)).isEqualTo(1);
        assertThat(pool.stat.get(Item.THROTTLE_NOPROGRESS)).isZero();
    }

    @Row("E11")
    @Test
    void whereEveryConsumerIsBusyATickIsWaitedOnce() throws Exception {
        pool.free.set(FakePool.MIN);
        Cache cache = pool.cache("cache", 1000);
        cache.scan = sc -> Shrinker.STOP;
        Reclaimer<Long> caller = Reclaimer.start(as("free"));
        pool.clock.awaitParked(1);
        assertThat(pool.vmscan.throttle().waiters(Reason.CONGESTED)).isEqualTo(1);
        long parks = pool.clock.parks();
        pool.clock.advance(Clock.TICK_NANOS);
        pool.awaitParks(parks + 1);
        pool.clock.advance(Clock.TICK_NANOS);
        caller.join();
        assertThat(pool.stat.get(Item.THROTTLE_CONGESTED)).isEqualTo(1);
        assertThat(pool.stat.get(Item.THROTTLE_NOPROGRESS)).isEqualTo(1);
    }

    @Test
    void stallsAreTimedByReason() throws Exception {
        pool.cache("cache", 100_000);
        pool.free.set(0);
        Reclaimer<Long> nofs = Reclaimer.start(as("nofs"));
        pool.clock.awaitParked(1);
        pool.clock.advance(SECOND);
        nofs.join();
        assertThat(pool.stat.get(Item.ALLOCSTALL_NOFS)).isEqualTo(1);
        assertThat(pool.stat.get(Item.ALLOCSTALL_NOFS_NANOS)).isEqualTo(SECOND);
        assertThat(pool.stat.get(Item.ALLOCSTALL_NANOS)).isEqualTo(SECOND);
        assertThat(pool.stat.get(Item.ALLOCSTALL_NORMAL)).isZero();
        assertThat(pool.stat.get(Item.ALLOCSTALL_DOMAIN_NANOS)).isZero();
    }

    /// Keeps kswapd inside a cache's scan until the test lets it go on; others pass.
    private static final class Gate {

        volatile long frames = 1;
        private final Semaphore inside = new Semaphore(0);
        private final Semaphore pass = new Semaphore(0);

        Gate(Cache cache) {
            cache.scan = sc -> {
                if (!sc.background()) {
                    return cache.give(sc);
                }
                inside.release();
                pass.acquireUninterruptibly();
                cache.free(frames);
                return frames;
            };
        }

        void awaitInside() {
            inside.acquireUninterruptibly();
        }

        void letOne() {
            pass.release();
        }

        void open() {
            pass.release(1_000_000);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
