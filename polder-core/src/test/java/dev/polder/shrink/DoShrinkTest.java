package dev.polder.shrink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.memgroup.MemGroup;
import dev.polder.shrink.WalkRig.Threw;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The driver and callbacks of every sort: honest, refusing, lying, throwing.
final class DoShrinkTest {

    private static final ScopeSite HANDLE = ScopeSite.of("journal handle");

    private final WalkRig rig = new WalkRig();

    /// A cache whose callbacks are two functions.
    private static final class Cache implements Shrinker {

        ToLongFunction<ShrinkControl> count = sc -> 1000;
        ToLongFunction<ShrinkControl> scan = ShrinkControl::toScan;
        int scans;

        @Override
        public long count(ShrinkControl sc) {
            return count.applyAsLong(sc);
        }

        @Override
        public long scan(ShrinkControl sc) {
            scans++;
            return scan.applyAsLong(sc);
        }
    }

    private final Cache cache = new Cache();

    private ShrinkerHandle register(@Nullable ReclaimDomain domain) {
        return rig.registry.register("cache", cache, domain, 2, 128, false, 512);
    }

    private ShrinkerHandle register() {
        return register(null);
    }

    @Row("F1")
    @ParameterizedTest
    @ValueSource(longs = {0, Shrinker.EMPTY})
    void nothingCountedNothingScannedNothingDeferred(long answer) {
        ShrinkerHandle handle = register();
        cache.count = sc -> answer;
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).isZero();
        assertThat(handle.deferred()).isZero();
        assertThat(handle.calls()).isEqualTo(1);
        assertThat(handle.lies()).isZero();
    }

    @Row({"F1", "F2"})
    @Test
    void refusingInCountLosesTheWorkRefusingInScanDefersIt() {
        ShrinkerHandle handle = register();
        cache.count = sc -> Gfp.has(sc.gfp(), Gfp.FS) ? 1000 : 0;
        rig.direct(Gfp.NOFS, 0);
        assertThat(handle.deferred()).isZero();
        cache.count = sc -> 1000;
        cache.scan = sc -> Gfp.has(sc.gfp(), Gfp.FS) ? sc.toScan() : Shrinker.STOP;
        rig.direct(Gfp.NOFS, 0);
        assertThat(handle.deferred()).isEqualTo(2000);
    }

    @Row("F5")
    @Test
    void batchesAndRestAreLeftForLater() {
        ShrinkerHandle handle = register();
        rig.direct(Gfp.KERNEL, 2);
        // delta = (1000 >> 2) * 4 / 2 = 500: three batches of 128, and 116 are too few for a call
        assertThat(cache.scans).isEqualTo(3);
        assertThat(handle.scannedObjects()).isEqualTo(384);
        assertThat(handle.deferred()).isEqualTo(116);
        assertThat(rig.stat.get(Item.SLABS_SCANNED)).isEqualTo(384);
    }

    @Row("F5")
    @Test
    void aSmallCacheIsEmptiedOnlyUnderHighPressure() {
        register();
        cache.count = sc -> 60;
        for (int priority = 12; priority >= 2; priority--) {
            rig.direct(Gfp.KERNEL, priority);
        }
        int before = cache.scans;
        rig.direct(Gfp.KERNEL, 0);
        assertThat(before).isZero();
        assertThat(cache.scans).isPositive();
    }

    @Row("F6")
    @Test
    void requestIsPresetAsScannedAndMayBeLowered() {
        ShrinkerHandle handle = register();
        List<Long> requests = new ArrayList<>();
        cache.count = sc -> 200;
        cache.scan = sc -> {
            requests.add(sc.toScan());
            sc.scanned(sc.toScan() / 2);
            return 0;
        };
        rig.direct(Gfp.KERNEL, 0);
        // total = min(400, 400): 128 asked and 64 charged, until less than 128 and than 200 is left
        assertThat(requests).containsOnly(128L).hasSize(5);
        assertThat(handle.scannedObjects()).isEqualTo(5 * 64);
        assertThat(handle.deferred()).isEqualTo(400 - 5 * 64);
    }

    @Row("F6")
    @Test
    void scanThatLooksAtNothingIsChargedItsBatchAndEnds() {
        ShrinkerHandle handle = register();
        cache.scan = sc -> {
            sc.scanned(0);
            return 0;
        };
        rig.direct(Gfp.KERNEL, 0);
        // total = 2000: 15 whole batches; 80 are left, fewer than a batch and than the cache
        assertThat(cache.scans).isEqualTo(15);
        assertThat(handle.deferred()).isEqualTo(80);
    }

    @Row("F7")
    @Test
    void stopEndsThePassAndWhatWasFreedCounts() {
        ShrinkerHandle handle = register();
        cache.scan = sc -> {
            if (cache.scans == 3) {
                return Shrinker.STOP;
            }
            Task.current().addReclaimed(5);
            return sc.toScan();
        };
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).isEqualTo(3);
        assertThat(handle.freedFrames()).isEqualTo(10);
        assertThat(handle.stops()).isEqualTo(1);
        assertThat(handle.skippedByMask()).isZero();
        assertThat(handle.deferred()).isEqualTo(2000 - 256);
        assertThat(rig.walk.congested()).isFalse();
    }

    @Row("F8")
    @Test
    void deferredIsTakenWhileSomebodyWorksOnIt() {
        ShrinkerHandle handle = register();
        cache.scan = sc -> Shrinker.STOP;
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.deferred()).isEqualTo(2000);
        cache.scan = sc -> {
            assertThat(handle.deferred()).as("taken at the start").isZero();
            handle.putDeferred(0, 7);
            return Shrinker.STOP;
        };
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.thrown()).isZero();
        assertThat(handle.deferred()).as("added to what came meanwhile").isEqualTo(2007);
    }

    @Row("F9")
    @Test
    void nofsDefersTheWholeDeltaAndKernelDoesIt() {
        ShrinkerHandle handle = register();
        cache.scan = sc -> Gfp.has(sc.gfp(), Gfp.FS) ? sc.toScan() : Shrinker.STOP;
        rig.direct(Gfp.NOFS, 1);
        assertThat(handle.deferred()).isEqualTo(1000);
        assertThat(handle.skippedByMask()).isEqualTo(1);
        assertThat(handle.lastScanMaskStop()).isTrue();
        assertThat(rig.stat.get(Item.SHRINK_SKIPPED_MASK)).isEqualTo(1);
        rig.background(Gfp.KERNEL, 0);
        assertThat(handle.scannedObjects()).isEqualTo(15 * 128);
        assertThat(handle.lastScanMaskStop()).isFalse();
        assertThat(handle.deferred()).isEqualTo(1000 + 2000 - 15 * 128);
    }

    @Test
    void excludedDomainIsCountedNotScannedAndDeferredAsIfItHadStopped() {
        ReclaimDomain mine = ReclaimDomain.of("mine");
        ShrinkerHandle handle = register(mine);
        Cache other = new Cache();
        rig.registry.register("other", other, ReclaimDomain.of("theirs"), 2, 128, false, 0);
        try (MemallocScope _ = MemallocScope.excluding(mine, HANDLE)) {
            rig.direct(Gfp.KERNEL, 1);
        }
        assertThat(handle.calls()).isEqualTo(1);
        assertThat(cache.scans).isZero();
        assertThat(other.scans).isPositive();
        assertThat(handle.deferred()).isEqualTo(1000);
        assertThat(handle.skippedByDomain()).isEqualTo(1);
        assertThat(handle.skippedObjects()).isEqualTo(1000);
        assertThat(handle.lastSkipSite()).isSameAs(HANDLE);
        assertThat(handle.heldBytes()).isEqualTo(1000 * 512);
        assertThat(rig.stat.get(Item.SHRINK_SKIPPED_DOMAIN)).isEqualTo(1);
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).as("outside the scope").isPositive();
    }

    @Test
    void exclusionWithoutWorkIsNoSkip() {
        ReclaimDomain mine = ReclaimDomain.of("mine");
        ShrinkerHandle handle = register(mine);
        try (MemallocScope _ = MemallocScope.excluding(mine, HANDLE)) {
            rig.direct(Gfp.KERNEL, 12);
        }
        assertThat(handle.skippedByDomain()).isZero();
    }

    @Test
    void throwFromCountLeavesDeferredAlone() {
        ShrinkerHandle handle = register();
        cache.scan = sc -> Shrinker.STOP;
        rig.direct(Gfp.KERNEL, 0);
        RuntimeException e = new RuntimeException("count");
        cache.count = sc -> {
            throw e;
        };
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.deferred()).isEqualTo(2000);
        assertThat(handle.thrown()).isEqualTo(1);
        assertThat(rig.events).containsExactly(new Threw("cache", e, false));
    }

    @Test
    void throwFromScanActsAsStop() {
        ShrinkerHandle handle = register();
        Error e = new StackOverflowError();
        cache.scan = sc -> {
            if (cache.scans == 2) {
                Task.current().addReclaimed(3);
                throw e;
            }
            return sc.toScan();
        };
        rig.direct(Gfp.NOFS, 0);
        assertThat(handle.deferred()).isEqualTo(2000 - 128);
        assertThat(handle.freedFrames()).isEqualTo(3);
        assertThat(handle.stops()).isZero();
        assertThat(handle.skippedByMask()).isZero();
        assertThat(rig.stat.get(Item.SHRINK_THROWS)).isEqualTo(1);
        assertThat(rig.events).containsExactly(new Threw("cache", e, false));
        assertThat(rig.registry.isolatedObjects()).isZero();
        assertThat(Task.current().flags()).isZero();
    }

    @Test
    void whoKeepsThrowingIsSetAsideAndTriedAgainLater() {
        ShrinkerHandle handle = register();
        cache.scan = sc -> {
            throw new IllegalStateException("broken");
        };
        for (int i = 0; i < ShrinkerHandle.QUARANTINE_AFTER + 5; i++) {
            rig.direct(Gfp.KERNEL, 0);
        }
        assertThat(handle.quarantined()).isTrue();
        assertThat(cache.scans).isEqualTo(ShrinkerHandle.QUARANTINE_AFTER);
        assertThat(handle.deferred()).isEqualTo(2000);
        assertThat(rig.events).as("the first, and the last straw")
                .extracting(Threw::quarantined).containsExactly(false, true);

        rig.clock.advance(ShrinkerHandle.QUARANTINE_NANOS - 1);
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).isEqualTo(ShrinkerHandle.QUARANTINE_AFTER);
        rig.clock.advance(1);
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).as("one more try").isEqualTo(ShrinkerHandle.QUARANTINE_AFTER + 1);
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).isEqualTo(ShrinkerHandle.QUARANTINE_AFTER + 1);
        assertThat(rig.events).hasSize(2);

        rig.clock.advance(ShrinkerHandle.QUARANTINE_NANOS);
        cache.scan = ShrinkControl::toScan;
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.quarantined()).as("forgiven").isFalse();
    }

    @Test
    void aGoodScanForgivesTheThrowsBeforeIt() {
        ShrinkerHandle handle = register();
        for (int i = 0; i < 3 * ShrinkerHandle.QUARANTINE_AFTER; i++) {
            boolean good = i % 4 == 3;
            cache.scan = sc -> {
                if (good) {
                    return sc.toScan();
                }
                throw new IllegalStateException("now and then");
            };
            rig.direct(Gfp.KERNEL, 0);
        }
        assertThat(handle.quarantined()).isFalse();
        assertThat(handle.thrown()).isEqualTo(18);
    }

    @ParameterizedTest
    @ValueSource(longs = {Shrinker.STOP, -3, Long.MIN_VALUE})
    void nonsenseFromCountIsTakenAsNothing(long answer) {
        ShrinkerHandle handle = register();
        cache.count = sc -> answer;
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).isZero();
        assertThat(handle.lastCount()).isZero();
        assertThat(handle.lies()).isEqualTo(1);
        assertThat(rig.stat.get(Item.SHRINK_LIES)).isEqualTo(1);
    }

    @Test
    void aCacheLargerThanAllMemoryIsCutDown() {
        ShrinkerHandle handle = register();
        cache.count = sc -> Long.MAX_VALUE;
        cache.scan = sc -> Shrinker.STOP;
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.deferred()).isEqualTo(2 * ShrinkArithmetic.MAX_OBJECTS);
        assertThat(handle.lies()).isEqualTo(1);
        assertThat(handle.heldBytes()).isEqualTo(ShrinkArithmetic.MAX_OBJECTS * 512);
    }

    @ParameterizedTest
    @ValueSource(longs = {Shrinker.EMPTY, -77, Long.MIN_VALUE})
    void nonsenseFromScanIsTakenAsStop(long answer) {
        ShrinkerHandle handle = register();
        cache.scan = sc -> answer;
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).isEqualTo(1);
        assertThat(handle.stops()).isEqualTo(1);
        assertThat(handle.lies()).isEqualTo(1);
        assertThat(handle.deferred()).isEqualTo(2000);
    }

    @Test
    void sayingThatMoreWasScannedThanThereIsEndsThePassAndDefersNothing() {
        ShrinkerHandle handle = register();
        cache.scan = sc -> {
            sc.scanned(Long.MAX_VALUE);
            return Long.MAX_VALUE;
        };
        rig.direct(Gfp.KERNEL, 0);
        assertThat(cache.scans).isEqualTo(1);
        assertThat(handle.deferred()).isZero();
        assertThat(handle.scannedObjects()).isEqualTo(2000);
        assertThat(handle.lies()).isEqualTo(1);
        assertThat(handle.freedFrames()).as("a claim is no progress").isZero();
    }

    @Test
    void callbackThatEndsReclaimsOwnScopeIsCorrected() {
        ShrinkerHandle handle = register();
        cache.scan = sc -> {
            if (cache.scans == 1) {
                Task.current().restoreFlags(Task.NORECLAIM);
            } else {
                assertThat(Task.current().flags() & Task.NORECLAIM).isNotZero();
            }
            return sc.toScan();
        };
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.thrown()).isZero();
        assertThat(handle.lies()).isEqualTo(1);
        assertThat(Task.current().flags()).isZero();
    }

    @Test
    void listenerThatThrowsHarmsNobody() {
        rig.listener = e -> {
            throw new IllegalStateException("listener");
        };
        ShrinkerHandle handle = register();
        cache.scan = sc -> {
            throw new IllegalArgumentException("callback");
        };
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.thrown()).isEqualTo(1);
        assertThat(handle.deferred()).isEqualTo(2000);
    }

    @Test
    void onlyGroupAwareShrinkersServeAGroup() {
        register();
        Cache aware = new Cache();
        List<Long> groups = new ArrayList<>();
        aware.count = sc -> {
            groups.add(sc.groupId());
            return 1000;
        };
        aware.scan = sc -> Shrinker.STOP;
        ShrinkerHandle handle = rig.registry.register("aware", aware, null, 2, 128, true, 0);
        MemGroup root = MemGroup.root("rig");
        MemGroup one = root.create("one");
        rig.forGroup(one, Gfp.KERNEL, 0);
        assertThat(cache.scans).isZero();
        assertThat(groups).containsExactly(one.id());
        assertThat(handle.deferred()).isEqualTo(2000);
        aware.scan = ShrinkControl::toScan;
        rig.forGroup(root.create("two"), Gfp.KERNEL, 12);
        assertThat(handle.deferred()).as("another group's work stays").isEqualTo(2000);
        rig.registry.groupEnded(one.id(), 0);
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.deferred()).as("its parent does it").isLessThan(2100);
        assertThat(handle.scannedObjects()).isEqualTo(15 * 128);
    }

    @Test
    void workDeferredForAGroupThatEndsGoesUp() {
        Cache aware = new Cache();
        aware.count = sc -> 1000;
        aware.scan = sc -> Shrinker.STOP;
        ShrinkerHandle handle = rig.registry.register("aware", aware, null, 2, 128, true, 0);
        MemGroup root = MemGroup.root("rig");
        rig.registry.groups(root);
        MemGroup tenant = root.create("tenant");
        MemGroup query = tenant.create("query");
        rig.forGroup(query, Gfp.KERNEL, 0);
        assertThat(handle.deferred()).isEqualTo(2000);
        query.close();
        aware.scan = ShrinkControl::toScan;
        rig.forGroup(tenant, Gfp.KERNEL, 4);
        assertThat(handle.deferred()).as("its parent did some: a batch less, a share more")
                .isEqualTo(2000 - 128 + 124);
        tenant.close();
        rig.direct(Gfp.KERNEL, 4);
        assertThat(handle.deferred()).as("and the pool").isEqualTo(1996 - 128 + 124);
    }

    @Test
    void deferredWorkHasAnAge() {
        ShrinkerHandle handle = register();
        assertThat(handle.deferredAgeNanos()).isZero();
        cache.scan = sc -> Shrinker.STOP;
        rig.direct(Gfp.KERNEL, 0);
        rig.clock.advance(500);
        rig.direct(Gfp.KERNEL, 0);
        rig.clock.advance(70);
        assertThat(handle.deferredAgeNanos()).isEqualTo(570);
        cache.scan = sc -> {
            sc.scanned(4000);
            return 0;
        };
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.deferred()).isZero();
        assertThat(handle.deferredAgeNanos()).isZero();
    }
}
