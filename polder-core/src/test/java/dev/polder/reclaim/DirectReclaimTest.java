package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.memgroup.MemGroup;
import dev.polder.reclaim.FakePool.Cache;
import dev.polder.reclaim.ReclaimReport.Cause;
import dev.polder.shrink.InternalReclaimer;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Direct reclaim on one thread: how much, how hard, inside what, and with whom.
final class DirectReclaimTest {

    private static final ScopeSite HANDLE = ScopeSite.of("journal handle");

    private final FakePool pool = new FakePool();

    @AfterEach
    void leavesNoTrace() {
        pool.close();
        assertThat(Task.current().flags()).isZero();
        assertThat(Task.current().inReclaim()).isFalse();
        assertThat(Thread.interrupted()).isFalse();
    }

    private long reclaim(int gfp) {
        return pool.vmscan.tryToFreePages(0, gfp);
    }

    /// Enough free for the reserve throttle to stay out of the way.
    private void plenty() {
        pool.free.set(FakePool.MIN);
    }

    @Row("E1")
    @Test
    void goesDownThePrioritiesUntilThirtyTwoFramesAreBack() {
        plenty();
        Cache cache = pool.cache("cache", 1000);
        assertThat(reclaim(Gfp.KERNEL)).isEqualTo(128);
        assertThat(cache.objects).hasValue(1000 - 128);
        assertThat(cache.scans).hasSize(1);
        assertThat(pool.stat.get(Item.PGSTEAL_DIRECT)).isEqualTo(128);
        assertThat(pool.stat.get(Item.PGSCAN_DIRECT)).isEqualTo(128);
    }

    @Row("E1")
    @Test
    void aLargeCacheIsTouchedLightlyAtTheFirstPriority() {
        plenty();
        Cache cache = pool.cache("cache", 128 * 4096 / 2);
        assertThat(reclaim(Gfp.KERNEL)).isEqualTo(128);
        assertThat(cache.handle.calls()).as("one pass at priority 12").isEqualTo(1);
    }

    @Row("E1")
    @Test
    void thirteenPassesThenZero() throws Exception {
        plenty();
        Cache cache = pool.cache("cache", 1000);
        cache.scan = sc -> 0;
        Reclaimer<Long> r = Reclaimer.start(() -> reclaim(Gfp.KERNEL));
        pool.clock.awaitParked(1);
        pool.clock.advance(ReclaimThrottle.Reason.NOPROGRESS.limitNanos());
        assertThat(r.join()).isZero();
        assertThat(cache.handle.calls()).isEqualTo(13);
    }

    @Test
    void progressIsWhatTheZoneGotNotWhatIsClaimed() throws Exception {
        plenty();
        Cache liar = pool.cache("liar", 1000);
        liar.scan = sc -> sc.toScan();
        Reclaimer<Long> r = Reclaimer.start(() -> reclaim(Gfp.KERNEL));
        pool.clock.awaitParked(1);
        pool.free.addAndGet(5000);
        pool.clock.advance(ReclaimThrottle.Reason.NOPROGRESS.limitNanos());
        assertThat(r.join()).as("neither claims nor strangers' frees").isZero();
    }

    @Test
    void everyConsumerGivesTheSamePart() {
        plenty();
        Cache large = pool.cache("large", 8_000_000);
        Cache small = pool.cache("small", 2_000_000);
        for (int i = 0; i < 100; i++) {
            reclaim(Gfp.KERNEL);
        }
        // All but what is left of a batch: 3906 / 128 = 30 of 30.5 batches, and 7 of 7.6.
        assertThat(large.handle.freedFrames() / 4).isCloseTo(small.handle.freedFrames(),
                Percentage.withPercentage(10));
    }

    @Row("B9")
    @Test
    void callbacksRunInANoreclaimScopeAndCannotRecurse() {
        plenty();
        Cache cache = pool.cache("cache", 1000);
        List<Long> inner = new ArrayList<>();
        cache.scan = sc -> {
            assertThat(Task.current().flags()).isEqualTo(Task.NORECLAIM);
            assertThat(Task.current().inReclaim()).isTrue();
            inner.add(reclaim(Gfp.KERNEL));
            return cache.give(sc);
        };
        assertThat(reclaim(Gfp.KERNEL)).isEqualTo(128);
        assertThat(inner).containsOnly(0L);
        assertThat(pool.stat.get(Item.ALLOCSTALL_NESTED)).isEqualTo(1);
        assertThat(pool.trouble).isEmpty();
    }

    @Row("B8")
    @Test
    void notInANoreclaimScopeNorWithoutDirectReclaim() {
        plenty();
        Cache cache = pool.cache("cache", 1000);
        try (MemallocScope _ = MemallocScope.noReclaim(HANDLE)) {
            assertThat(reclaim(Gfp.KERNEL)).isZero();
        }
        assertThat(reclaim(Gfp.ATOMIC)).isZero();
        assertThat(reclaim(Gfp.NOWAIT)).isZero();
        assertThat(cache.handle.calls()).isZero();
        assertThat(pool.stat.get(Item.ALLOCSTALL)).isZero();
    }

    @Row({"B9", "K4", "K1"})
    @Test
    void theLockCheckerHearsReclaimAroundTheNoreclaimScope() {
        plenty();
        List<String> heard = new ArrayList<>();
        Cache cache = pool.cache("cache", 1000);
        cache.scan = sc -> {
            if (!heard.getLast().equals("scan")) {
                heard.add("scan");
            }
            return cache.give(sc);
        };
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
                heard.add("enter " + Gfp.toString(effectiveGfp) + " " + Task.current().flags());
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
                heard.add("leave " + Gfp.toString(effectiveGfp) + " " + Task.current().flags());
            }
        });
        try {
            reclaim(Gfp.KERNEL);
            try (MemallocScope _ = MemallocScope.noFs(HANDLE)) {
                reclaim(Gfp.KERNEL);
            }
            reclaim(Gfp.KERNEL | Gfp.NOLOCKDEP);
        } finally {
            FsReclaim.install(null);
        }
        assertThat(heard).containsExactly(
                "enter GFP_KERNEL 0", "scan", "leave GFP_KERNEL 0",
                "enter GFP_NOFS 1", "scan", "leave GFP_NOFS 1",
                "scan");
    }

    /// Who may hold locks that a shrinker would wait for is never served with mayWait.
    @ParameterizedTest
    @CsvSource({
        "KERNEL, none, GFP_KERNEL, true, NORMAL",
        "KERNEL, nofs, GFP_NOFS, false, NOFS",
        "KERNEL, noio, GFP_NOIO, false, NOIO",
        "KERNEL, domain, GFP_KERNEL, false, DOMAIN",
        "NOFS, none, GFP_NOFS, false, NOFS",
        "NOIO, none, GFP_NOIO, false, NOIO",
        "NOFS, domain, GFP_NOFS, false, DOMAIN"
    })
    void mayWaitOnlyForWhoIsFree(String mask, String scope, String seen, boolean mayWait,
            StallKind kind) {
        plenty();
        Cache cache = pool.cache("cache", 1000, ReclaimDomain.of("cache"));
        int gfp = Gfp.parse("GFP_" + mask);
        switch (scope) {
            case "nofs" -> inside(MemallocScope.noFs(HANDLE), gfp);
            case "noio" -> inside(MemallocScope.noIo(HANDLE), gfp);
            case "domain" ->
                    inside(MemallocScope.excluding(ReclaimDomain.of("other"), HANDLE), gfp);
            default -> reclaim(gfp);
        }
        assertThat(cache.scans).containsExactly(new Cache.Call(Gfp.parse(seen), mayWait, false,
                Thread.currentThread()));
        assertThat(pool.stat.get(Item.ALLOCSTALL)).isEqualTo(1);
        assertThat(pool.stat.get(kind.count())).isEqualTo(1);
    }

    private void inside(MemallocScope scope, int gfp) {
        try (scope) {
            reclaim(gfp);
        }
    }

    @Test
    void ownCachesComeFirstAndAfterAndTheirFreeFramesAreNoProgress() {
        plenty();
        List<String> order = new ArrayList<>();
        Cache cache = pool.cache("cache", 1000);
        cache.scan = sc -> {
            order.add("consumer");
            Task.current().addReclaimed(10);
            return 0;
        };
        pool.registry.addInternal(own("lists", InternalReclaimer.Phase.BEFORE_CONSUMERS, order, 1));
        pool.registry.addInternal(own("slabs", InternalReclaimer.Phase.AFTER_CONSUMERS, order, 0));
        assertThat(reclaim(Gfp.KERNEL)).as("freed, not only moved")
                .isEqualTo(10L * cache.scans.size());
        assertThat(order.subList(order.indexOf("consumer") - 1, order.indexOf("consumer") + 2))
                .satisfiesExactly(
                        before -> assertThat(before).startsWith("lists"),
                        consumer -> assertThat(consumer).isEqualTo("consumer"),
                        after -> assertThat(after).startsWith("slabs"));
        assertThat(order.getFirst()).isEqualTo("lists 32");
        assertThat(order.get(1)).isEqualTo("slabs 31");
    }

    @Test
    void whereOwnCachesSufficeNoConsumerIsAsked() {
        plenty();
        Cache cache = pool.cache("cache", 1_000_000);
        List<String> order = new ArrayList<>();
        pool.registry.addInternal(
                own("lists", InternalReclaimer.Phase.BEFORE_CONSUMERS, order, 32));
        assertThat(reclaim(Gfp.KERNEL)).isZero();
        assertThat(cache.handle.calls()).isZero();
        assertThat(order).containsExactly("lists 32");
    }

    private static InternalReclaimer own(String name, InternalReclaimer.Phase phase,
            List<String> order, long moved) {
        return new InternalReclaimer() {
            @Override
            public Phase phase() {
                return phase;
            }

            @Override
            public String name() {
                return name;
            }

            @Override
            public long reclaimableFrames() {
                return moved;
            }

            @Override
            public long reclaim(long wantFrames) {
                order.add(name + " " + wantFrames);
                return moved;
            }
        };
    }

    @Test
    void theInterruptFlagIsPutAsideAndGivenBack() {
        plenty();
        Cache cache = pool.cache("cache", 1000);
        List<Boolean> seen = new ArrayList<>();
        cache.scan = sc -> {
            seen.add(Thread.currentThread().isInterrupted());
            return cache.give(sc);
        };
        Thread.currentThread().interrupt();
        reclaim(Gfp.KERNEL);
        assertThat(Thread.interrupted()).isTrue();
        reclaim(Gfp.KERNEL);
        assertThat(Thread.interrupted()).isFalse();
        assertThat(seen).isNotEmpty().containsOnly(false);
    }

    @Test
    void anInterruptThatEndsAThrottleSleepDoesNotReachTheNextConsumer() throws Exception {
        plenty();
        Cache cache = pool.cache("cache", 1000);
        AtomicInteger interrupted = new AtomicInteger();
        cache.scan = sc -> {
            interrupted.addAndGet(Thread.currentThread().isInterrupted() ? 1 : 0);
            return Shrinker.STOP;
        };
        Reclaimer<Boolean> r = Reclaimer.start(() -> {
            reclaim(Gfp.KERNEL);
            return Thread.currentThread().isInterrupted();
        });
        pool.clock.awaitParked(1);
        int before = cache.scans.size();
        long parks = pool.clock.parks();
        r.thread.interrupt();
        pool.awaitParks(parks + 1);
        pool.clock.advance(ReclaimThrottle.Reason.NOPROGRESS.limitNanos());
        assertThat(r.join()).as("kept").isTrue();
        assertThat(cache.scans.size()).isGreaterThan(before);
        assertThat(interrupted).hasValue(0);
    }

    @Test
    void nothingThatACallbackThrowsGetsOut() {
        plenty();
        Cache bad = pool.cache("bad", 1000);
        bad.scan = sc -> {
            throw new OutOfMemoryError("planted");
        };
        Cache good = pool.cache("good", 1000);
        assertThat(reclaim(Gfp.KERNEL)).isEqualTo(128);
        assertThat(good.objects).hasValue(1000 - 128);
        assertThat(pool.trouble).hasOnlyElementsOfType(OutOfMemoryError.class).isNotEmpty();
    }

    @Test
    void theReportTellsWhoWasOutOfReachHowMuchAndForWhoseScope() {
        plenty();
        ReclaimDomain mine = ReclaimDomain.of("index");
        Cache own = pool.cache("index-nodes", 3000, mine);
        Cache fs = pool.cache("texts-nodes", 500);
        fs.scan = sc -> Gfp.has(sc.gfp(), Gfp.FS) ? fs.give(sc) : Shrinker.STOP;
        Cache free = pool.cache("rendered", 200);
        try (MemallocScope _ = MemallocScope.noFs(HANDLE);
                MemallocScope _ = MemallocScope.excluding(mine, HANDLE)) {
            reclaim(Gfp.KERNEL);
            ReclaimReport report = pool.vmscan.report(Gfp.KERNEL);
            assertThat(report.shrinkers()).isEqualTo(3);
            assertThat(report.skipped()).extracting(ReclaimReport.Skipped::name)
                    .containsExactly("index-nodes", "texts-nodes");
            assertThat(report.skipped()).extracting(ReclaimReport.Skipped::cause)
                    .containsExactly(Cause.DOMAIN, Cause.MASK);
            assertThat(report.skipped().getFirst().site()).isSameAs(HANDLE);
            assertThat(report.skippedBytes()).isEqualTo(3500 * 4096);
            assertThat(report.heldBytes()).isEqualTo(3500 * 4096 + free.handle.heldBytes());
            assertThat(report.toString()).contains("index-nodes", "12000 KiB", "journal handle",
                    "texts-nodes");
        }
        assertThat(own.scans).isEmpty();
        assertThat(pool.vmscan.report(Gfp.KERNEL).skipped()).isEmpty();
        assertThat(own.handle.deferred()).isPositive();
    }

    @Test
    void aGroupsLimitAsksOnlyWhoKnowsGroups() {
        pool.free.set(0);
        Cache blind = pool.cache("blind", 1000);
        assertThat(pool.vmscan.tryToFreeGroupPages(MemGroup.root("g"), Gfp.KERNEL)).isZero();
        assertThat(blind.handle.calls()).isZero();
        assertThat(pool.stat.get(Item.PGSCAN_DIRECT_THROTTLE)).isZero();
    }

    @Test
    void runsAreUsedAgain() throws Exception {
        plenty();
        pool.cache("cache", 100_000);
        for (int i = 0; i < 50; i++) {
            reclaim(Gfp.KERNEL);
        }
        assertThat(pool.vmscan.controls().made()).isEqualTo(1);
        List<Reclaimer<Long>> all = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            all.add(Reclaimer.startVirtual(() -> reclaim(Gfp.KERNEL)));
        }
        for (Reclaimer<Long> r : all) {
            assertThat(r.join()).isPositive();
        }
        assertThat(pool.vmscan.controls().made()).isLessThanOrEqualTo(200);
    }
}
