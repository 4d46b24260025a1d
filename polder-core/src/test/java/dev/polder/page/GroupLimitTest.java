package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.AllowedMask;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.memgroup.MemGroup;
import dev.polder.memgroup.MemGroup.Event;
import dev.polder.os.Clock;
import dev.polder.page.PageRig.GroupCache;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What the limits of a memory group do to those who charge it.
final class GroupLimitTest {
    private static final int DIRECT = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;
    private static final long SECOND = Clock.HZ * Clock.TICK_NANOS;

    private final PageRig rig = new PageRig();
    private final MemGroup tenant = rig.root.create("tenant");
    private final MemGroup one = tenant.create("one");
    private final MemGroup two = tenant.create("two");
    private final GroupCache cache = rig.groupCache("cache");

    @AfterEach
    void close() {
        cache.clear();
        rig.close();
        assertThat(rig.root.charged()).as("all is uncharged").isZero();
    }

    private static <T> T in(MemGroup group, Supplier<T> body) {
        try (var in = group.enter()) {
            assertThat(in).isNotNull();
            return body.get();
        }
    }

    private long alloc(MemGroup group, int order, int gfp) {
        long run = in(group, () -> rig.pages.alloc(order, gfp));
        if (run != 0) {
            rig.keep(run);
        }
        return run;
    }

    @Test
    void aRequestWhoseListenerThrowsKeepsNothing() {
        long free = rig.zone.free();
        rig.pages.listener((_, _, _, _, _) -> {
            throw new IllegalStateException("listener");
        });
        assertThatThrownBy(() -> alloc(one, 0, DIRECT)).hasMessage("listener");
        assertThatThrownBy(() -> in(one, () -> rig.pages.tryAlloc(Role.DIRECT, 3, DIRECT)))
                .hasMessage("listener");
        rig.pages.listener(null);
        rig.zone.drain();
        assertThat(rig.zone.free()).isEqualTo(free);
        assertThat(one.charged()).isZero();
        rig.pages.verify();
    }

    @Test
    void maxReclaimsInsideTheGroupFirst() {
        int[] blind = new int[1];
        rig.shrinker("blind", null, 1000, sc -> (long) blind[0]++);
        cache.fill(one, 100);
        cache.fill(two, 100);
        one.max(Frames.bytes(100));
        assertThat(alloc(one, 0, DIRECT)).isNotZero();
        assertThat(cache.of(one.id())).hasSizeLessThan(100);
        assertThat(cache.of(two.id())).as("another group's memory").hasSize(100);
        assertThat(cache.asked).containsOnly(one.id());
        assertThat(blind[0]).as("who knows no groups").isZero();
        assertThat(one.events(Event.MAX)).isEqualTo(1);
        assertThat(one.refused()).isZero();
    }

    @Test
    void aParentsLimitReclaimsFromAllItsChildren() {
        cache.fill(one, 100);
        cache.fill(two, 100);
        cache.fill(rig.root, 100);
        tenant.max(Frames.bytes(200));
        assertThat(alloc(one, 0, DIRECT)).isNotZero();
        assertThat(cache.of(one.id())).hasSizeLessThan(100);
        assertThat(cache.of(two.id())).hasSizeLessThan(100);
        assertThat(cache.of(rig.root.id())).as("outside").hasSize(100);
    }

    @Test
    void childrensProtectionHoldsAlsoInsideTheParent() {
        cache.fill(one, 100);
        cache.fill(two, 100);
        one.min(Frames.bytes(100));
        tenant.max(Frames.bytes(200));
        assertThat(alloc(two, 0, DIRECT)).isNotZero();
        assertThat(cache.of(one.id())).as("protected").hasSize(100);
    }

    @Test
    void whereNothingCanBeReclaimedTheRequestGetsNothing() {
        one.max(Frames.bytes(4));
        for (int i = 0; i < 4; i++) {
            assertThat(alloc(one, 0, DIRECT)).isNotZero();
        }
        for (int gfp : new int[] {Gfp.NOWAIT, DIRECT, DIRECT | Gfp.NORETRY, Gfp.KERNEL_ACCOUNT,
            DIRECT | Gfp.RETRY_MAYFAIL, Gfp.NOFS, Gfp.NOIO}) {
            assertThat(alloc(one, 0, gfp)).as(Gfp.toString(gfp)).isZero();
        }
        assertThat(alloc(two, 0, DIRECT)).as("the sibling is not touched").isNotZero();
        assertThat(one.refused()).isEqualTo(7);
        assertThat(one.charged()).isEqualTo(Frames.bytes(4));
    }

    @Test
    void noretryReclaimsOnce() {
        cache.fill(one, 10);
        one.max(Frames.bytes(10));
        assertThat(alloc(one, 0, DIRECT | Gfp.NORETRY)).isNotZero();
        assertThat(rig.stat.get(Item.ALLOCSTALL)).isEqualTo(1);
    }

    @Test
    @Row("G5")
    void nofailReclaimsAndThenExceedsTheLimit() {
        cache.fill(one, 8);
        one.max(Frames.bytes(8));
        assertThat(alloc(one, 0, DIRECT | Gfp.NOFAIL)).isNotZero();
        assertThat(cache.of(one.id())).as("reclaimed first").isEmpty();
        one.max(0);
        assertThat(alloc(one, 0, DIRECT | Gfp.NOFAIL)).isNotZero();
        assertThat(one.charged()).isEqualTo(Frames.bytes(2));
        assertThat(one.refused()).isZero();
    }

    @Test
    @Row("G5")
    void highAndReclaimItselfExceedTheLimit() {
        one.max(0);
        assertThat(alloc(one, 0, Gfp.ATOMIC)).isNotZero();
        assertThat(alloc(one, 0, DIRECT | Gfp.HIGH)).isNotZero();
        Task task = Task.current();
        int token = task.enterReclaim();
        try {
            assertThat(alloc(one, 0, DIRECT)).isNotZero();
        } finally {
            task.leaveReclaim(token);
        }
        assertThat(alloc(one, 0, Gfp.NOWAIT)).isZero();
        assertThat(one.charged()).isEqualTo(Frames.bytes(3));
    }

    @Test
    @Row({"G5", "D16"})
    void aSiblingInsideTheLimitIsFailedAndGivesWayAlsoWithoutFs() throws InterruptedException {
        tenant.max(Frames.bytes(64));
        CountDownLatch told = new CountDownLatch(1);
        for (int i = 0; i < 64; i++) {
            assertThat(alloc(two, 0, DIRECT)).isNotZero();
        }
        two.whenFailed(g -> {
            assertThat(Thread.currentThread().getName()).isEqualTo("polder-failed-two");
            assertThat(g).isSameAs(two);
            rig.release(32);
            told.countDown();
        });
        try (Asker<Long> a = new Asker<>(rig.clock, () -> alloc(one, 0, Gfp.NOFS))) {
            rig.clock.awaitParked(1);
            assertThat(told.await(20, TimeUnit.SECONDS)).as("the owner").isTrue();
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isNotZero();
        }
        assertThat(two.failed()).isTrue();
        assertThat(one.failed()).isFalse();
        assertThat(alloc(two, 0, DIRECT)).isZero();
        assertThat(alloc(two, 0, Gfp.ATOMIC)).as("failed is no limit").isZero();
        assertThat(alloc(two, 0, DIRECT | Gfp.NOFAIL)).isNotZero();
        two.reset();
        assertThat(alloc(two, 0, DIRECT)).isNotZero();
    }

    @Test
    void aVictimOutsideTheLimitIsNotChosen() {
        MemGroup stranger = rig.root.create("stranger");
        for (int i = 0; i < 64; i++) {
            assertThat(alloc(stranger, 0, DIRECT)).isNotZero();
        }
        one.max(0);
        assertThat(alloc(one, 0, DIRECT)).isZero();
        assertThat(stranger.failed()).isFalse();
        assertThat(rig.stat.get(Item.OOM_INVOKED)).isEqualTo(1);
    }

    @Test
    void highReclaimsInsideAndRefusesNothing() {
        cache.fill(one, 100);
        one.high(Frames.bytes(100));
        for (int i = 0; i < 32; i++) {
            assertThat(alloc(one, 0, DIRECT)).isNotZero();
        }
        assertThat(one.events(Event.HIGH)).as("once for a batch").isEqualTo(1);
        assertThat(cache.of(one.id())).hasSizeLessThan(100);
        assertThat(one.charged()).isLessThanOrEqualTo(one.high());
    }

    private Asker<Integer> overHigh(Supplier<Integer> body) {
        one.high(Frames.bytes(8));
        return new Asker<>(rig.clock, body);
    }

    private int takeThirtyTwo(int gfp) {
        int got = 0;
        for (int i = 0; i < 40; i++) {
            got += alloc(one, 0, gfp) == 0 ? 0 : 1;
        }
        return got;
    }

    @Test
    void whoGoesFarAboveHighSleepsForIt() {
        assertThat(HighThrottle.delayTicks(110, 100, 64)).as("a tenth above").isEqualTo(159);
        assertThat(HighThrottle.delayTicks(100, 100, 64)).isZero();
        assertThat(HighThrottle.delayTicks(101, 100, 64)).as("not worth it").isZero();
        assertThat(HighThrottle.delayTicks(Long.MAX_VALUE, 1, 64)).isEqualTo(500);
        try (Asker<Integer> a = overHigh(() -> takeThirtyTwo(DIRECT))) {
            assertThat(a.endsWithin(SECOND)).as("it sleeps").isFalse();
            assertThat(a.endsWithin(2 * SECOND)).as("two seconds at most").isTrue();
            assertThat(a.answer()).as("nothing was refused").isEqualTo(40);
        }
    }

    @Test
    void whoMayHoldLocksDoesNotSleepAboveHigh() {
        ReclaimDomain d = ReclaimDomain.of("d");
        try (Asker<Integer> a = overHigh(() -> takeThirtyTwo(Gfp.NOFS))) {
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
        }
        try (Asker<Integer> a = overHigh(() -> takeThirtyTwo(Gfp.NOWAIT))) {
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
        }
        try (Asker<Integer> a = overHigh(() -> {
            try (MemallocScope scope = MemallocScope.excluding(d, "test")) {
                assertThat(scope).isNotNull();
                return takeThirtyTwo(DIRECT);
            }
        })) {
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
            assertThat(a.answer()).isEqualTo(40);
        }
    }

    @Test
    void anInterruptEndsTheSleepAndFailsNothing() {
        AtomicBoolean kept = new AtomicBoolean();
        try (Asker<Integer> a = overHigh(() -> {
            Thread.currentThread().interrupt();
            int got = takeThirtyTwo(DIRECT);
            kept.set(Thread.currentThread().isInterrupted());
            return got;
        })) {
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
            assertThat(a.answer()).isEqualTo(40);
        }
        assertThat(kept).isTrue();
    }

    @Test
    void whoMayNotBlockOwesAndTheNextWhoMayPays() {
        cache.fill(one, 100);
        one.high(Frames.bytes(100));
        for (int i = 0; i < 32; i++) {
            assertThat(alloc(one, 0, Gfp.NOWAIT)).isNotZero();
        }
        assertThat(one.events(Event.HIGH)).isZero();
        in(one, () -> {
            rig.pages.payForHigh(Gfp.NOWAIT);
            assertThat(one.events(Event.HIGH)).as("nor does this one").isZero();
            rig.pages.payForHigh(DIRECT);
            return 0;
        });
        assertThat(one.events(Event.HIGH)).isEqualTo(1);
        assertThat(one.charged()).isLessThanOrEqualTo(one.high());
    }

    @Test
    @Row("A13")
    void nobodyIsFailedForALimitWhileStorageIsAway() {
        tenant.max(Frames.bytes(8));
        for (int i = 0; i < 8; i++) {
            assertThat(alloc(two, 0, DIRECT)).isNotZero();
        }
        int forbidden = AllowedMask.forbid(Gfp.IO | Gfp.FS);
        try (Asker<Long> a = new Asker<>(rig.clock, () -> alloc(one, 0, DIRECT))) {
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
            assertThat(a.answer()).isZero();
        } finally {
            AllowedMask.restore(forbidden);
        }
        assertThat(two.failed()).isFalse();
        assertThat(one.refused()).isZero();
        assertThat(tenant.refused()).isEqualTo(1);
    }

    @Test
    void closeEndsTheSleep() {
        AtomicInteger got = new AtomicInteger();
        try (Asker<Integer> a = overHigh(() -> {
            for (int i = 0; i < 100; i++) {
                if (alloc(one, 0, DIRECT) != 0) {
                    got.incrementAndGet();
                }
            }
            return 0;
        })) {
            rig.clock.awaitParked(1);
            rig.pages.close();
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isTrue();
            assertThat(a.thrown()).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
        assertThat(got.get()).isPositive();
    }

    @Test
    void poolWideReclaimKeepsMinAndTakesLowLast() {
        cache.fill(one, 200);
        cache.fill(two, 200);
        one.min(Frames.bytes(200));
        tenant.min(Frames.bytes(200));
        rig.fill(0, Gfp.NOWAIT);
        assertThat(rig.vmscan.tryToFreePages(0, DIRECT)).isPositive();
        assertThat(cache.of(two.id())).hasSizeLessThan(200);
        assertThat(cache.of(one.id())).as("min").hasSize(200);
        cache.of(two.id()).forEach(rig::keep);
        cache.of(two.id()).clear();
        try (Asker<Long> a =
                new Asker<>(rig.clock, () -> rig.vmscan.tryToFreePages(0, DIRECT))) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).as("nothing else is left").isZero();
        }
        assertThat(cache.of(one.id())).hasSize(200);
        tenant.min(0);
        assertThat(one.low(Frames.bytes(200)).low()).isEqualTo(Frames.bytes(200));
        tenant.low(Frames.bytes(200));
        try (Asker<Long> a =
                new Asker<>(rig.clock, () -> rig.vmscan.tryToFreePages(0, DIRECT))) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).as("low gives then").isPositive();
        }
        assertThat(one.events(Event.LOW)).isPositive();
    }

    @Test
    void badLimitsAndWrongScopesAreNamed() {
        assertThatThrownBy(() -> one.max(-1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("max of group rig/tenant/one").hasMessageContaining("-1");
        assertThatThrownBy(() -> one.high(-2)).hasMessageContaining("high");
        assertThatThrownBy(() -> one.min(-3)).hasMessageContaining("min");
        assertThatThrownBy(() -> one.low(-4)).hasMessageContaining("low");
        MemGroup.GroupScope outer = one.enter();
        MemGroup.GroupScope inner = one.enter();
        assertThatThrownBy(outer::close).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("out of order");
        inner.close();
        assertThatThrownBy(inner::close).hasMessageContaining("twice");
        outer.close();
        assertThat(MemGroup.current()).isNull();
    }

    @Test
    void aClosedGroupGoesWhenItHoldsNothing() {
        assertThatThrownBy(tenant::close).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("child");
        assertThatThrownBy(rig.root::close).isInstanceOf(IllegalStateException.class);
        cache.fill(one, 10);
        one.close();
        one.close();
        assertThatThrownBy(one::enter).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() -> one.create("x")).isInstanceOf(IllegalStateException.class);
        assertThat(tenant.children()).as("it still holds pages").contains(one);
        tenant.max(Frames.bytes(10));
        assertThat(alloc(two, 0, DIRECT)).as("which reclaim finds").isNotZero();
        cache.clear();
        two.close();
        assertThat(tenant.children()).doesNotContain(one);
        tenant.create("three");
    }
}
