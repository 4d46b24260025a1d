package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.os.Clock;
import dev.polder.reclaim.FakePool.Cache;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Background reclaim: when it works, under which mask, what it survives.
final class KswapdTest {

    private static final ScopeSite HANDLE = ScopeSite.of("journal handle");

    private final FakePool pool = new FakePool();

    @AfterEach
    void close() {
        pool.close();
    }

    private void wakeAndRest() {
        pool.kswapd.wake(0);
        awaitRest();
    }

    private void awaitRest() {
        FakePool.await(pool.kswapd::idle);
    }

    /// Lets virtual time run until kswapd has nothing to do.
    private void runUntilIdle() {
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS);
            return pool.kswapd.idle();
        });
    }

    private void makeHopeless() {
        pool.kswapd.wake(0);
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS);
            return pool.kswapd.hopeless();
        });
        awaitRest();
    }

    @Row("E12")
    @Test
    void worksUntilHighIsMetThenSleeps() {
        Cache cache = pool.cache("cache", 100_000);
        pool.kswapd.start();
        awaitRest();
        pool.free.set(FakePool.LOW - 1);
        wakeAndRest();
        assertThat(pool.free.get()).isGreaterThan(FakePool.HIGH);
        assertThat(pool.stat.get(Item.KSWAPD_WAKE)).isEqualTo(1);
        assertThat(pool.stat.get(Item.PGSTEAL_KSWAPD)).isEqualTo(cache.handle.freedFrames());
        assertThat(pool.stat.get(Item.PGSCAN_KSWAPD)).isPositive();
        assertThat(pool.stat.get(Item.PGSTEAL_DIRECT)).isZero();
        assertThat(pool.kswapd.runs()).isEqualTo(1);
        assertThat(cache.handle.deferred()).isLessThan(1000);
    }

    @Row("E12")
    @Test
    void whereAllIsWellNobodyIsWoken() {
        pool.cache("cache", 100_000);
        pool.free.set(FakePool.HIGH + 1);
        pool.kswapd.start();
        awaitRest();
        pool.kswapd.wake(0);
        pool.kswapd.wake(3);
        assertThat(pool.stat.get(Item.KSWAPD_WAKE)).isZero();
        assertThat(pool.kswapd.runs()).isZero();
    }

    @Row("B10")
    @Test
    void runsWithKernelAndInNoScopeWhoeverWokeIt() {
        Cache cache = pool.cache("cache", 1000, ReclaimDomain.of("store"));
        List<Integer> flags = new CopyOnWriteArrayList<>();
        List<Long> nested = new CopyOnWriteArrayList<>();
        cache.scan = sc -> {
            flags.add(Task.current().flags());
            nested.add(pool.vmscan.tryToFreePages(0, Gfp.KERNEL));
            return cache.give(sc);
        };
        pool.kswapd.start();
        awaitRest();
        ReclaimDomain domain = Objects.requireNonNull(cache.handle.domain());
        try (MemallocScope _ = MemallocScope.noIo(HANDLE);
                MemallocScope _ = MemallocScope.excluding(domain, HANDLE)) {
            wakeAndRest();
        }
        assertThat(cache.scans).isNotEmpty().allSatisfy(call -> {
            assertThat(call.gfp()).isEqualTo(Gfp.KERNEL);
            assertThat(call.mayWait()).isFalse();
            assertThat(call.background()).isTrue();
            assertThat(call.thread().getName()).isEqualTo("polder-kswapd-fake");
            assertThat(call.thread().isDaemon()).isTrue();
        });
        assertThat(flags).containsOnly(Task.NORECLAIM);
        assertThat(nested).containsOnly(0L);
    }

    @Row("K4")
    @Test
    void holdsThePseudoLockAroundAWholeRun() {
        Cache cache = pool.cache("cache", 1000);
        List<String> heard = new CopyOnWriteArrayList<>();
        cache.scan = sc -> {
            heard.add("scan");
            return cache.give(sc);
        };
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
                heard.add("enter " + Gfp.toString(effectiveGfp));
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
                heard.add("leave " + Gfp.toString(effectiveGfp));
            }
        });
        try {
            pool.kswapd.start();
            awaitRest();
            wakeAndRest();
        } finally {
            FsReclaim.install(null);
        }
        assertThat(heard).startsWith("enter GFP_KERNEL", "scan").endsWith("scan",
                "leave GFP_KERNEL");
        assertThat(heard.stream().filter("scan"::equals).count()).isGreaterThan(1);
        assertThat(heard.stream().filter("enter GFP_KERNEL"::equals)).hasSize(1);
    }

    @Row({"F9", "B10"})
    @Test
    void drainsWhatNofsAndExclusionsDeferred() {
        ReclaimDomain domain = ReclaimDomain.of("store");
        Cache nodes = pool.cache("nodes", 4000, domain);
        nodes.scan = sc -> Gfp.has(sc.gfp(), Gfp.FS) ? nodes.give(sc) : Shrinker.STOP;
        pool.free.set(FakePool.MIN);
        Cache rendered = pool.cache("rendered", 100_000);
        assertThat(pool.vmscan.tryToFreePages(0, Gfp.NOFS)).isPositive();
        assertThat(nodes.handle.freedFrames()).isZero();
        try (MemallocScope _ = MemallocScope.excluding(domain, HANDLE)) {
            assertThat(pool.vmscan.tryToFreePages(0, Gfp.KERNEL)).isPositive();
        }
        assertThat(nodes.handle.freedFrames()).isZero();
        long deferred = nodes.handle.deferred();
        assertThat(deferred).isPositive();
        rendered.objects.set(0);
        pool.free.set(0);
        pool.kswapd.start();
        awaitRest();
        wakeAndRest();
        assertThat(nodes.handle.freedFrames()).isGreaterThan(FakePool.HIGH);
        assertThat(pool.stat.get(Item.PGSTEAL_KSWAPD)).isGreaterThan(FakePool.HIGH);
    }

    @Row("E12")
    @Test
    void sixteenFruitlessRunsAreHopelessUntilSomebodyReclaims() {
        Cache cache = pool.cache("cache", 1000);
        cache.scan = sc -> Shrinker.STOP;
        pool.free.set(FakePool.MIN);
        pool.kswapd.start();
        awaitRest();
        makeHopeless();
        assertThat(pool.kswapd.runs()).isEqualTo(16);
        assertThat(pool.stat.get(Item.KSWAPD_FRUITLESS)).isEqualTo(16);
        assertThat(pool.stat.get(Item.KSWAPD_HOPELESS)).isEqualTo(1);
        cache.scan = cache::give;
        pool.clock.advance(3600 * Clock.HZ * Clock.TICK_NANOS);
        pool.kswapd.wake(0);
        assertThat(pool.kswapd.idle()).isTrue();
        assertThat(pool.kswapd.runs()).as("left to direct reclaimers").isEqualTo(16);

        assertThat(pool.vmscan.tryToFreePages(0, Gfp.KERNEL)).isPositive();
        assertThat(pool.kswapd.hopeless()).isFalse();
        pool.free.set(FakePool.MIN);
        wakeAndRest();
        assertThat(pool.kswapd.runs()).isGreaterThan(16);
        assertThat(pool.free.get()).isGreaterThan(FakePool.HIGH);
    }

    @Row("E12")
    @Test
    void aRunThatFreesAnythingIsNotFruitless() {
        Cache cache = pool.cache("cache", 1000);
        AtomicInteger scans = new AtomicInteger();
        cache.scan = sc -> scans.incrementAndGet() % 50 == 0 ? cache.free(1) : 0;
        pool.kswapd.start();
        awaitRest();
        pool.kswapd.wake(0);
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS);
            return pool.kswapd.runs() > 100;
        });
        assertThat(pool.kswapd.hopeless()).isFalse();
        cache.scan = cache::give;
        runUntilIdle();
        assertThat(pool.free.get()).isGreaterThan(FakePool.HIGH);
    }

    /// Beyond the row: who cannot help itself because of its own scope may ask a hopeless kswapd
    /// for a run, once a second. Linux leaves such a thread waiting for luck.
    @Test
    void aRestrictedReclaimerMayAskAHopelessKswapdOnceASecond() throws Exception {
        Cache nodes = pool.cache("nodes", 4000);
        nodes.scan = sc -> Shrinker.STOP;
        pool.free.set(FakePool.MIN);
        pool.kswapd.start();
        awaitRest();
        makeHopeless();
        pool.clock.advance(Kswapd.RESCUE_NANOS - 1);
        reclaimInVain(Gfp.KERNEL);
        assertThat(pool.kswapd.runs()).as("not for who may do it itself").isEqualTo(16);
        reclaimInVain(Gfp.NOFS);
        FakePool.await(() -> pool.kswapd.runs() == 17);
        awaitRest();
        reclaimInVain(Gfp.NOFS);
        assertThat(pool.kswapd.runs()).as("not twice in a second").isEqualTo(17);
        assertThat(pool.stat.get(Item.KSWAPD_RESCUE)).isEqualTo(1);
        nodes.scan = sc -> Gfp.has(sc.gfp(), Gfp.FS) ? nodes.give(sc) : Shrinker.STOP;
        pool.clock.advance(Kswapd.RESCUE_NANOS);
        reclaimInVain(Gfp.NOFS);
        FakePool.await(() -> pool.free.get() > FakePool.HIGH);
        assertThat(pool.kswapd.hopeless()).isFalse();
    }

    /// A direct reclaim that frees nothing; its throttle sleeps are let pass.
    private void reclaimInVain(int gfp) throws Exception {
        Reclaimer<Long> r = Reclaimer.start(() -> pool.vmscan.tryToFreePages(0, gfp));
        FakePool.await(() -> {
            pool.clock.advance(1000);
            return r.done();
        });
        assertThat(r.join()).isZero();
    }

    @Test
    void survivesWhateverIsThrown() {
        Cache cache = pool.cache("cache", 1000);
        cache.scan = sc -> {
            pool.zoneBroken = new StackOverflowError("planted");
            return 0;
        };
        pool.kswapd.start();
        awaitRest();
        pool.kswapd.wake(0);
        FakePool.await(() -> !pool.trouble.isEmpty());
        pool.clock.awaitParked(1);
        assertThat(pool.trouble.getFirst()).hasMessage("planted");
        assertThat(pool.stat.get(Item.KSWAPD_THROWS)).isEqualTo(1);
        pool.zoneBroken = null;
        cache.scan = cache::give;
        runUntilIdle();
        wakeAndRest();
        assertThat(pool.free.get()).isGreaterThan(FakePool.HIGH);
        assertThat(pool.stat.get(Item.KSWAPD_RESTART)).as("the same thread").isZero();
    }

    /// With no heap for a wait, nor for the sleep after what was thrown.
    @Test
    void outlivesAFullHeapSoThatNobodyNeedsToLookAfterIt() {
        pool.kswapd.start();
        awaitRest();
        AtomicInteger tended = new AtomicInteger();
        pool.tending = _ -> {
            tended.incrementAndGet();
            return 0;
        };
        pool.brokenParks.set(2);
        pool.parkBroken = new OutOfMemoryError("planted");
        Thread first = Objects.requireNonNull(pool.lastParked);
        pool.clock.unpark(first);
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS);
            return pool.brokenParks.get() <= 0;
        });
        pool.kswapd.tend();
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS);
            return tended.get() > 0;
        });
        assertThat(first.isAlive()).isTrue();
        assertThat(pool.stat.get(Item.KSWAPD_RESTART)).isZero();
    }

    @Test
    void isStartedAgainWhenItsThreadDied() {
        Cache cache = pool.cache("cache", 1000);
        pool.kswapd.start();
        awaitRest();
        // Thrown out of the wait for work, and again out of the sleep that follows the first.
        pool.parkBroken = new ThreadDeathInPark();
        pool.free.set(FakePool.HIGH + 1);
        FakePool.await(() -> pool.lastParked != null);
        Thread first = Objects.requireNonNull(pool.lastParked);
        pool.clock.unpark(first);
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS);
            return !first.isAlive();
        });
        pool.parkBroken = null;
        pool.kswapd.trim();
        assertThat(pool.stat.get(Item.KSWAPD_RESTART)).as("frees trim, and start no thread")
                .isZero();
        pool.free.set(0);
        pool.kswapd.wake(0);
        FakePool.await(() -> pool.free.get() > FakePool.HIGH);
        assertThat(pool.stat.get(Item.KSWAPD_RESTART)).isEqualTo(1);
        assertThat(cache.handle.freedFrames()).isPositive();
    }

    @Test
    void whenItIsStuckInOneConsumerASecondWorkerGoesOnWithoutThatOne() {
        Cache bad = pool.cache("bad", 1_000_000);
        Cache good = pool.cache("good", 100_000);
        ReentrantLock lock = new ReentrantLock();
        CountDownLatch inside = new CountDownLatch(1);
        bad.scan = sc -> {
            inside.countDown();
            lock.lock(); // disobeys mayWait
            try {
                return bad.give(sc);
            } finally {
                lock.unlock();
            }
        };
        lock.lock();
        try {
            pool.kswapd.start();
            awaitRest();
            pool.kswapd.wake(0);
            FakePool.await(() -> inside.getCount() == 0);
            pool.clock.advance(Kswapd.STUCK_NANOS - 1);
            pool.kswapd.wake(0);
            assertThat(pool.stat.get(Item.KSWAPD_STUCK)).isZero();
            pool.clock.advance(1);
            pool.kswapd.wake(0);
            FakePool.await(() -> pool.free.get() > FakePool.HIGH);
            awaitRest();
            assertThat(pool.stat.get(Item.KSWAPD_STUCK)).isEqualTo(1);
            assertThat(pool.stuck).singleElement().asString()
                    .startsWith("bad: thread polder-kswapd-fake is WAITING")
                    .contains("owned by thread " + Thread.currentThread().getName())
                    .contains("KswapdTest");
            assertThat(bad.handle.stuck()).isTrue();
            assertThat(bad.scans).hasSize(1);
            assertThat(good.handle.freedFrames()).isPositive();
        } finally {
            lock.unlock();
        }
        FakePool.await(() -> !bad.handle.stuck());
        good.objects.set(0);
        pool.free.set(0);
        wakeAndRest();
        assertThat(bad.scans.size()).as("asked again").isGreaterThan(1);
        assertThat(pool.stat.get(Item.KSWAPD_STUCK)).isEqualTo(1);
    }

    /// Who waits at the reserve throttle without a bound looks after kswapd itself: nobody else may
    /// come by.
    @Row("E10")
    @Test
    void whoWaitsForAStuckKswapdGetsASecondOne() throws Exception {
        Cache bad = pool.cache("bad", 1_000_000);
        pool.cache("good", 100_000);
        CountDownLatch letGo = new CountDownLatch(1);
        CountDownLatch inside = new CountDownLatch(1);
        bad.scan = sc -> {
            inside.countDown();
            await(letGo);
            return bad.give(sc);
        };
        pool.kswapd.start();
        Reclaimer<Long> waiter = Reclaimer.start(() -> pool.vmscan.tryToFreePages(0, Gfp.KERNEL));
        await(inside);
        pool.clock.awaitParked(1);
        bad.objects.set(0);
        pool.clock.advance(Kswapd.STUCK_NANOS);
        assertThat(waiter.join()).isPositive();
        assertThat(pool.stat.get(Item.KSWAPD_STUCK)).isEqualTo(1);
        letGo.countDown();
    }

    @Test
    void closeFromInsideItsOwnCallbackIsRefused() {
        Cache cache = pool.cache("cache", 1000);
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        cache.scan = sc -> {
            try {
                pool.kswapd.close();
            } catch (IllegalStateException e) {
                thrown.add(e);
            }
            return cache.give(sc);
        };
        pool.kswapd.start();
        awaitRest();
        wakeAndRest();
        assertThat(thrown).isNotEmpty();
        assertThat(thrown.getFirst()).hasMessageContaining("polder-kswapd-fake");
        assertThat(pool.free.get()).as("it went on").isGreaterThan(FakePool.HIGH);
    }

    @Test
    void closeWaitsForTheRunAndAWakeAfterwardsDoesNothing() throws Exception {
        Cache cache = pool.cache("cache", 1000);
        CountDownLatch letGo = new CountDownLatch(1);
        CountDownLatch inside = new CountDownLatch(1);
        cache.scan = sc -> {
            inside.countDown();
            await(letGo);
            return cache.give(sc);
        };
        pool.kswapd.start();
        awaitRest();
        pool.kswapd.wake(0);
        await(inside);
        Reclaimer<Boolean> closer = Reclaimer.start(() -> {
            pool.kswapd.close();
            return true;
        });
        FakePool.await(pool.kswapd::stopped);
        assertThat(closer.done()).isFalse();
        letGo.countDown();
        assertThat(closer.join()).isTrue();
        long runs = pool.kswapd.runs();
        pool.kswapd.wake(0);
        pool.kswapd.close();
        assertThat(pool.kswapd.runs()).isEqualTo(runs);
        assertThatThrownBy(pool.kswapd::start).isInstanceOf(IllegalStateException.class);
    }

    private static final class ThreadDeathInPark extends Error {

        private static final long serialVersionUID = 1;

        ThreadDeathInPark() {
            super("planted");
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
