package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.testkit.FallsShort;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class SlowPathConformanceTest {
    private static final int DIRECT = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;
    private static final int DIRECT_NOFS = Gfp.NOFS & ~Gfp.KSWAPD_RECLAIM;
    private static final long SECOND = Clock.HZ * Clock.TICK_NANOS;

    private final PageRig rig = new PageRig();

    @AfterEach
    void close() {
        rig.close();
    }

    private long freeAfterFilling(int gfp) {
        rig.fill(0, gfp);
        rig.zone.drain();
        rig.fill(0, gfp);
        return rig.zone.free();
    }

    @Test
    @Row({"C3", "C4", "C5", "C7"})
    void eachMaskStopsAtItsOwnReserve() {
        assertThat(freeAfterFilling(Gfp.NOWAIT)).as("NOWAIT gets nothing").isEqualTo(128);
        assertThat(freeAfterFilling(Gfp.HIGH | Gfp.NOMEMALLOC)).as("HIGH, no bonus").isEqualTo(64);
        assertThat(freeAfterFilling(Gfp.ATOMIC | Gfp.NOMEMALLOC)).as("C5").isEqualTo(64);
        assertThat(freeAfterFilling(Gfp.ATOMIC)).as("HIGH and non-blocking").isEqualTo(48);
        assertThat(freeAfterFilling(Gfp.MEMALLOC | Gfp.NOMEMALLOC)).as("A10").isEqualTo(48);
        assertThat(freeAfterFilling(Gfp.MEMALLOC)).as("no watermark").isZero();
    }

    @Test
    @Row({"B8", "C7", "D6", "A10"})
    void noreclaimScopeUsesTheReserveAndNeverReclaims() {
        List<Long> scans = new ArrayList<>();
        rig.shrinker("s", null, 1000, sc -> {
            scans.add(sc.toScan());
            return Shrinker.STOP;
        });
        int token = Memalloc.noreclaimSave();
        try {
            rig.fill(0, DIRECT | Gfp.NOMEMALLOC);
            assertThat(rig.zone.free()).isEqualTo(128);
            rig.fill(0, DIRECT);
            assertThat(rig.zone.free()).isZero();
        } finally {
            Memalloc.noreclaimRestore(token);
        }
        assertThat(scans).isEmpty();
        assertThat(rig.stat.get(Item.ALLOCSTALL)).isZero();
    }

    @Test
    @Row("D1")
    void anOrderAboveTheLargestIsAShortageAtOnceEvenWithNofail() {
        assertThat(rig.pages.alloc(Frames.MAX_ORDER + 1, Gfp.KERNEL | Gfp.NOFAIL)).isZero();
        assertThatThrownBy(() -> rig.pages.alloc(-1, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("-1");
        assertThatThrownBy(() -> rig.pages.alloc(0, 1 << 31))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @Row({"D5", "A6", "A11"})
    void withoutDirectNothingIsReclaimed() {
        rig.shrinker("s", null, 1000, sc -> {
            throw new AssertionError("a shrinker ran for a mask that may not block");
        });
        rig.exhaust(Gfp.MEMALLOC);
        for (int gfp : new int[] {Gfp.NOWAIT, Gfp.ATOMIC, 0, Gfp.NOWAIT | Gfp.NORETRY,
            Gfp.NOWAIT | Gfp.RETRY_MAYFAIL}) {
            assertThat(rig.pages.alloc(0, gfp)).as(Gfp.toString(gfp)).isZero();
        }
        assertThat(rig.stat.get(Item.ALLOCSTALL)).isZero();
    }

    @Test
    @Row({"D2", "D7", "B9"})
    void directReclaimAsksForThirtyTwoAndItsFreesServeTheRequest() {
        rig.fill(0, Gfp.NOWAIT);
        List<String> trace = new ArrayList<>();
        rig.shrinker("s", null, 1000, sc -> {
            trace.add("scan");
            assertThat(Task.current().inReclaim()).isTrue();
            assertThat(Task.current().flags() & Task.NORECLAIM)
                    .isNotZero();
            rig.release((int) sc.toScan());
            return sc.toScan();
        });
        rig.pages.listener((role, order, entry, used, got) -> trace.add("got " + got));
        long run = rig.pages.alloc(0, DIRECT);
        assertThat(run).isNotZero();
        assertThat(trace).startsWith("scan").endsWith("got true");
        assertThat(rig.stat.get(Item.ALLOCSTALL)).isEqualTo(1);
        assertThat(rig.zone.free()).isGreaterThanOrEqualTo(128 + 31);
        rig.pages.free(run);
    }

    @Test
    @Row("D9")
    void noretryMakesExactlyOneRound() {
        rig.fill(0, Gfp.NOWAIT);
        try (Asker<Long> a =
                new Asker<>(rig.clock, () -> rig.pages.alloc(0, DIRECT | Gfp.NORETRY))) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(rig.stat.get(Item.ALLOCSTALL)).isEqualTo(1);
        assertThat(rig.stat.get(Item.OOM_INVOKED)).isZero();
    }

    @Test
    @Row({"D10", "A10"})
    void aCostlyOrderMakesOneRoundUnlessRetryMayfail() {
        rig.fill(0, Gfp.NOWAIT);
        rig.shrinker("s", null, 100_000, sc -> Shrinker.STOP);
        try (Asker<Long> a = new Asker<>(rig.clock, () -> rig.pages.alloc(4, DIRECT))) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(rig.stat.get(Item.ALLOCSTALL)).isEqualTo(1);
        try (Asker<Long> a =
                new Asker<>(rig.clock, () -> rig.pages.alloc(4, DIRECT | Gfp.RETRY_MAYFAIL))) {
            assertThat(a.endsWithin(10 * SECOND)).isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(rig.stat.get(Item.ALLOCSTALL)).as("D11: 16 fruitless rounds more, then one")
                .isEqualTo(1 + 17);
        assertThat(rig.stat.get(Item.OOM_INVOKED)).isZero();
    }

    @Test
    @Row({"D16", "D20"})
    void withoutFsItWaitsForSomebodyElseAndFailsNobody() {
        MemGroup child = rig.root.create("child");
        try (var in = child.enter()) {
            assertThat(in).isNotNull();
            rig.fill(0, Gfp.NOWAIT);
        }
        try (Asker<Long> a = new Asker<>(rig.clock, () -> rig.pages.alloc(0, DIRECT_NOFS))) {
            assertThat(a.endsWithin(6 * SECOND)).as("loops, neither failing nor killing").isFalse();
            assertThat(child.failed()).isFalse();
            assertThat(rig.stat.get(Item.OOM_INVOKED)).isZero();
            rig.release(8);
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isNotZero();
            rig.pages.free(a.answer());
        }
    }

    @Test
    @Row("D16")
    void aDomainExclusionCountsAsWithoutFsAtTheEndOfTheRoad() {
        ReclaimDomain d = ReclaimDomain.of("d");
        rig.fill(0, Gfp.NOWAIT);
        try (Asker<Long> a = new Asker<>(rig.clock, () -> {
            try (MemallocScope scope = MemallocScope.excluding(d, "test")) {
                assertThat(scope).isNotNull();
                return rig.pages.alloc(0, DIRECT);
            }
        })) {
            assertThat(a.endsWithin(6 * SECOND)).isFalse();
            rig.release(8);
            assertThat(a.endsWithin(SECOND)).isTrue();
            rig.pages.free(a.answer());
        }
    }

    @Test
    @Row({"D14", "D15", "D20"})
    void withFsAGroupIsFailedAndTheRequestGoesOnWhenItGivesWay() {
        MemGroup child = rig.root.create("child");
        try (var in = child.enter()) {
            assertThat(in).isNotNull();
            rig.fill(0, Gfp.NOWAIT);
        }
        try (Asker<Long> a = new Asker<>(rig.clock, () -> rig.pages.alloc(0, DIRECT))) {
            assertThat(a.endsWithin(SECOND / 10)).isFalse();
            assertThat(child.failed()).isTrue();
            rig.release(16);
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isNotZero();
            rig.pages.free(a.answer());
        }
        child.reset();
        assertThat(child.failed()).isFalse();
    }

    @Test
    @Row({"D20", "D14"})
    void withOnlyTheRootTheRequestFails() {
        rig.fill(0, Gfp.NOWAIT);
        try (Asker<Long> a = new Asker<>(rig.clock, () -> rig.pages.alloc(0, DIRECT))) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(rig.stat.get(Item.OOM_INVOKED)).isEqualTo(1);
    }

    @Test
    @Row("D21")
    void theRequestOfAFailedGroupLeavesAtOnce() {
        MemGroup child = rig.root.create("child");
        rig.fill(0, Gfp.NOWAIT);
        child.fail();
        try (Asker<Long> a = new Asker<>(rig.clock, () -> {
            try (var in = child.enter()) {
                assertThat(in).isNotNull();
                return rig.pages.alloc(0, DIRECT_NOFS);
            }
        })) {
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(rig.stat.get(Item.ALLOCSTALL)).isZero();
        child.reset();
    }

    @Test
    @Row({"D17", "A11"})
    void nofailWithoutDirectMayFail() {
        rig.exhaust(Gfp.MEMALLOC);
        assertThat(rig.pages.alloc(0, Gfp.NOWAIT | Gfp.NOFAIL)).isZero();
        assertThat(rig.pages.alloc(0, Gfp.NOFAIL)).isZero();
        assertThat(rig.stat.get(Item.NOFAIL_REQUESTS)).isEqualTo(2);
    }

    @Test
    @Row({"D17", "D6"})
    void nofailInANoreclaimScopeWaitsWithoutReclaim() {
        rig.exhaust(Gfp.MEMALLOC);
        try (Asker<Long> a = new Asker<>(rig.clock, () -> {
            int token = Memalloc.noreclaimSave();
            try {
                return rig.pages.alloc(0, DIRECT | Gfp.NOFAIL);
            } finally {
                Memalloc.noreclaimRestore(token);
            }
        })) {
            assertThat(a.endsWithin(SECOND)).isFalse();
            assertThat(rig.stat.get(Item.ALLOCSTALL)).isZero();
            rig.release(1);
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isNotZero();
            rig.pages.free(a.answer());
        }
    }

    @Test
    @Row({"D18", "A10", "D19"})
    void nofailLoopsForEverWhateverElseItCarries() {
        rig.exhaust(Gfp.MEMALLOC);
        for (int extra : new int[] {0, Gfp.NORETRY, Gfp.RETRY_MAYFAIL}) {
            try (Asker<Long> a = new Asker<>(rig.clock,
                    () -> rig.pages.alloc(0, DIRECT_NOFS | Gfp.NOFAIL | extra))) {
                assertThat(a.endsWithin(3 * SECOND)).as(Gfp.toString(extra)).isFalse();
                rig.release(400);
                assertThat(a.endsWithin(2 * SECOND)).isTrue();
                assertThat(a.answer()).isNotZero();
                rig.pages.free(a.answer());
                rig.exhaust(Gfp.MEMALLOC);
            }
        }
    }

    @Test
    @Row("D22")
    void closingEndsAWaitAndAnInterruptDoesNot() {
        rig.fill(0, Gfp.NOWAIT);
        try (Asker<Long> a = new Asker<>(rig.clock, () -> rig.pages.alloc(0, DIRECT_NOFS))) {
            assertThat(a.endsWithin(SECOND)).isFalse();
            a.thread().interrupt();
            assertThat(a.endsWithin(SECOND)).isFalse();
            rig.pages.close();
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.thrown()).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }

    @Test
    @Row("B16")
    void retryWaitSleepsATickOrAFiftiethOfASecond() {
        try (Asker<Boolean> a = new Asker<>(rig.clock, () -> {
            rig.pages.retryWait(DIRECT);
            return true;
        })) {
            rig.clock.awaitParked(1);
            rig.clock.advance(Clock.TICK_NANOS);
            assertThat(a.endsWithin(0)).isTrue();
        }
        try (Asker<Boolean> a = new Asker<>(rig.clock, () -> {
            rig.pages.retryWait(DIRECT | Gfp.NORETRY);
            return true;
        })) {
            assertThat(a.endsWithin(4 * Clock.TICK_NANOS)).isFalse();
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
        }
    }

    @Test
    @Row("B17")
    void aNonBlockingThreadIsNarrowedButNeverWithNofail() {
        rig.fill(0, Gfp.NOWAIT);
        try (Asker<Long> a = new Asker<>(rig.clock, () -> {
            NonBlockingThreads.declare(Thread.currentThread(), false, true);
            return rig.pages.alloc(0, DIRECT_NOFS);
        })) {
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
            assertThat(a.answer()).isZero();
        }
        try (Asker<Long> a = new Asker<>(rig.clock, () -> {
            NonBlockingThreads.declare(Thread.currentThread(), false, true);
            return rig.pages.alloc(0, DIRECT_NOFS | Gfp.NOFAIL);
        })) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).as("the HIGH reserve serves it (D18)").isNotZero();
            rig.pages.free(a.answer());
        }
    }

    /// The kernel's bulk path applies no scope, a trap for whoever changes it.
    @Test
    @Row("B11")
    @FallsShort("7")
    void theBulkAttemptIsNarrowedLikeEveryRequest() {
        List<Integer> used = new ArrayList<>();
        rig.pages.listener((role, order, entry, mask, got) -> used.add(mask));
        int token = Memalloc.nofsSave();
        try {
            rig.keep(rig.pages.tryAlloc(Role.VMALLOC_DATA, 0, Gfp.KERNEL));
            rig.keep(rig.pages.alloc(0, Gfp.KERNEL));
        } finally {
            Memalloc.nofsRestore(token);
        }
        assertThat(used).containsExactly(Gfp.NOFS, Gfp.NOFS);
    }

    @Test
    void aWrongFreeIsRefused() {
        long run = rig.pages.alloc(2, Gfp.KERNEL);
        assertThatThrownBy(() -> rig.pages.free(run + 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("" + (run + 1));
        rig.pages.free(run);
        assertThatThrownBy(() -> rig.pages.free(run)).isInstanceOf(IllegalArgumentException.class);
        rig.pages.free(0);
    }

    @Test
    @Row("L1")
    void injectedFailuresSpareNofail() {
        rig.pages.faultInjector((site, order, gfp) -> true);
        assertThat(rig.pages.alloc(0, Gfp.KERNEL)).isZero();
        long run = rig.pages.alloc(0, Gfp.KERNEL | Gfp.NOFAIL);
        assertThat(run).isNotZero();
        rig.pages.free(run);
    }
}
