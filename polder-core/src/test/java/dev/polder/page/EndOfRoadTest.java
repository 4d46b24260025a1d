package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.memgroup.MemGroup.Event;
import dev.polder.os.Clock;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What happens when reclaim frees nothing any more, case by case. The frames are held by groups;
/// whoever asks does so from outside or from a group of its own.
final class EndOfRoadTest {
    private static final int DIRECT = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;
    private static final int DIRECT_NOFS = Gfp.NOFS & ~Gfp.KSWAPD_RECLAIM;
    private static final long SECOND = Clock.HZ * Clock.TICK_NANOS;

    private final PolderEventsHeard heard = new PolderEventsHeard();
    private PageRig rig = new PageRig();
    private MemGroup large = rig.root.create("large");
    private MemGroup small = rig.root.create("small");

    private static final class PolderEventsHeard implements PolderEvents {
        final List<String> waitsFor = new CopyOnWriteArrayList<>();
        final List<String> trouble = new CopyOnWriteArrayList<>();

        @Override
        public void stall(String pool, Thread thread, int order, int gfp,
                @Nullable Object scope, long millis) {
            assertThat(millis).isGreaterThanOrEqualTo(1000);
        }

        @Override
        public void waitsFor(String pool, Thread thread, Object whom) {
            waitsFor.add(thread.getName() + " waits for " + whom);
        }

        @Override
        public void outOfMemory(String pool, int order, int gfp, String decision) {
            assertThat(decision).contains("is failed until its reset()");
        }

        @Override
        public void trouble(String pool, String what,
                @Nullable Throwable thrown) {
            trouble.add(what);
        }

        void awaitAll() {
            try {
                assertThat(PolderEvents.awaitDelivered(20, TimeUnit.SECONDS)).isTrue();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    @BeforeEach
    void listen() {
        PolderEvents.listen(heard);
    }

    @AfterEach
    void close() {
        PolderEvents.listen(null);
        rig.close();
    }

    private void use(OutOfMemoryPolicy policy) {
        rig.close();
        rig = new PageRig(policy);
        large = rig.root.create("large");
        small = rig.root.create("small");
    }

    private void take(MemGroup group, int frames) {
        try (var in = group.enter()) {
            assertThat(in).isNotNull();
            for (int i = 0; i < frames; i++) {
                rig.keep(rig.pages.alloc(0, Gfp.NOWAIT));
            }
        }
    }

    /// The pool is empty: `small` has 100 frames, `large` the rest.
    private void exhaust() {
        take(small, 100);
        try (var in = large.enter()) {
            assertThat(in).isNotNull();
            rig.fill(0, Gfp.NOWAIT);
        }
    }

    private Asker<Long> ask(Supplier<Long> request) {
        return new Asker<>(rig.clock, request);
    }

    private Asker<Long> ask(int gfp) {
        return ask(() -> rig.pages.alloc(0, gfp));
    }

    private void serves(Asker<Long> a) {
        assertThat(a.endsWithin(SECOND)).isTrue();
        assertThat(a.thrown()).isNull();
        assertThat(a.answer()).isNotZero();
        rig.keep(a.answer());
    }

    /// An owner that gives `n` frames when it is told; it runs in real time, so a test waits for it
    /// before it moves the clock on.
    private CountDownLatch givesWhenFailed(MemGroup group, int n) {
        CountDownLatch given = new CountDownLatch(1);
        group.whenFailed(g -> {
            rig.release(n);
            given.countDown();
        });
        return given;
    }

    private static void untilFailed(Asker<Long> a, MemGroup group) {
        for (int i = 0; i < Clock.HZ && !group.failed(); i++) {
            assertThat(a.endsWithin(Clock.TICK_NANOS)).isFalse();
        }
        assertThat(group.failed()).isTrue();
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    @Row({"D14", "D20"})
    void theVictimsChargeFallsAndTheRequestSucceeds() {
        exhaust();
        AtomicReference<String> toldOn = new AtomicReference<>();
        CountDownLatch given = new CountDownLatch(1);
        large.whenFailed(g -> {
            toldOn.set(Thread.currentThread().getName() + " of " + g.name());
            rig.release(64);
            given.countDown();
        });
        try (Asker<Long> a = ask(DIRECT)) {
            untilFailed(a, large);
            await(given);
            serves(a);
            assertThat(toldOn.get()).isEqualTo("polder-failed-large of large");
        }
        assertThat(large.events(Event.FAILED)).isEqualTo(1);
        assertThat(small.failed()).isFalse();
        assertThat(rig.stat.get(Item.OOM_KILL)).isEqualTo(1);
    }

    @Test
    @Row("D14")
    void theNextIsChosenWhenTheVictimsChargeDoesNotFall() {
        exhaust();
        CountDownLatch given = givesWhenFailed(small, 16);
        try (Asker<Long> a = ask(DIRECT)) {
            assertThat(a.endsWithin(9 * SECOND / 10)).isFalse();
            assertThat(large.failed()).isTrue();
            assertThat(small.failed()).as("the first has its time").isFalse();
            a.endsWithin(SECOND / 4);
            await(given);
            serves(a);
            assertThat(small.failed()).isTrue();
        }
        assertThat(rig.stat.get(Item.OOM_KILL)).isEqualTo(2);
    }

    @Test
    @Row("D14")
    void eachFallGivesTheVictimMoreTime() {
        exhaust();
        long none = 30 * Frames.SIZE;
        large.charge(none);
        try (Asker<Long> a = ask(DIRECT)) {
            for (int i = 0; i < 3; i++) {
                assertThat(a.endsWithin(8 * SECOND / 10)).isFalse();
                large.uncharge(none / 3);
            }
            assertThat(a.endsWithin(8 * SECOND / 10)).isFalse();
            assertThat(small.failed()).isFalse();
            assertThat(a.endsWithin(SECOND / 2)).isFalse();
            assertThat(small.failed()).as("it fell no more").isTrue();
            rig.release(8);
            serves(a);
        }
    }

    @Test
    @Row({"D14", "D20"})
    void withOnlyTheRequestersOwnGroupsLeftTheRequestGetsNothing() {
        MemGroup child = large.create("child");
        try (var in = large.enter()) {
            assertThat(in).isNotNull();
            rig.fill(0, Gfp.NOWAIT);
        }
        try (Asker<Long> a = ask(() -> {
            try (var in = child.enter()) {
                assertThat(in).isNotNull();
                return rig.pages.alloc(0, DIRECT);
            }
        })) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(large.failed()).as("its own group is not failed for it").isFalse();
        assertThat(child.charged()).as("nothing stays charged").isZero();
        assertThat(rig.stat.get(Item.OOM_KILL)).isZero();
    }

    @Test
    @Row("D20")
    void afterTheLastVictimTheRequestGetsNothing() {
        exhaust();
        try (Asker<Long> a = ask(DIRECT)) {
            assertThat(a.endsWithin(19 * SECOND / 10)).isFalse();
            assertThat(a.endsWithin(SECOND)).as("both had their time").isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(large.failed() && small.failed()).isTrue();
    }

    @Test
    @Row({"D18", "D20"})
    void nofailGoesOnWaitingAndSaysForWhom() {
        exhaust();
        rig.fill(0, Gfp.MEMALLOC);
        try (Asker<Long> a = ask(DIRECT | Gfp.NOFAIL)) {
            assertThat(a.endsWithin(3 * SECOND / 2)).isFalse();
            heard.awaitAll();
            assertThat(heard.waitsFor).isNotEmpty().allSatisfy(text -> assertThat(text)
                    .contains("asker waits for group rig/", "failed to make way"));
            assertThat(a.endsWithin(10 * SECOND)).as("both are failed, and still").isFalse();
            heard.awaitAll();
            assertThat(heard.waitsFor.getLast()).contains("most is held by group rig/large");
            rig.release(8);
            serves(a);
        }
    }

    @Test
    void aFailedGroupRecoversByReset() {
        exhaust();
        CountDownLatch given = givesWhenFailed(large, 64);
        try (Asker<Long> a = ask(DIRECT)) {
            untilFailed(a, large);
            await(given);
            serves(a);
        }
        try (var in = large.enter()) {
            assertThat(in).isNotNull();
            assertThat(rig.pages.alloc(0, Gfp.NOWAIT)).isZero();
            large.reset();
            long run = rig.pages.alloc(0, Gfp.NOWAIT);
            assertThat(run).isNotZero();
            rig.keep(run);
        }
        assertThat(large.refused()).isEqualTo(1);
        assertThat(large.failed()).isFalse();
    }

    @Test
    void aRequestsPatienceEndsItsWaitAndFailsNobody() {
        exhaust();
        rig.shrinker("busy", null, 1 << 20, sc -> Shrinker.STOP);
        try (Asker<Long> a = ask(() -> {
            Task.current().patienceNanos(2 * SECOND);
            long first = rig.pages.alloc(0, DIRECT_NOFS);
            long second = rig.pages.alloc(0, DIRECT_NOFS);
            assertThat(Task.current().outOfPatience()).isTrue();
            return first + second;
        })) {
            assertThat(a.endsWithin(19 * SECOND / 10)).isFalse();
            assertThat(a.endsWithin(SECOND / 2)).as("both together have one patience").isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(rig.stat.get(Item.OOM_KILL)).isZero();
    }

    @Test
    void nofailHasNoDeadline() {
        exhaust();
        rig.fill(0, Gfp.MEMALLOC);
        try (Asker<Long> a = ask(() -> {
            Task.current().patienceNanos(SECOND);
            return rig.pages.alloc(0, DIRECT_NOFS | Gfp.NOFAIL);
        })) {
            assertThat(a.endsWithin(5 * SECOND)).isFalse();
            rig.release(8);
            serves(a);
        }
    }

    @Test
    void closeEndsTheWaitOfEveryKind() {
        for (int gfp : new int[] {DIRECT, DIRECT_NOFS, DIRECT | Gfp.NOFAIL}) {
            use(OutOfMemoryPolicy.largestGroup());
            exhaust();
            rig.fill(0, Gfp.MEMALLOC);
            try (Asker<Long> a = ask(gfp)) {
                assertThat(a.endsWithin(SECOND / 2)).isFalse();
                rig.pages.close();
                assertThat(a.endsWithin(SECOND / 10)).as(Gfp.toString(gfp)).isTrue();
                assertThat(a.thrown()).isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("closed");
            }
        }
    }

    @Test
    void anInterruptFailsNothingAndIsKept() {
        exhaust();
        AtomicBoolean kept = new AtomicBoolean();
        try (Asker<Long> a = ask(() -> {
            long run = rig.pages.alloc(0, DIRECT_NOFS);
            kept.set(Thread.currentThread().isInterrupted());
            return run;
        })) {
            assertThat(a.endsWithin(SECOND / 10)).isFalse();
            a.thread().interrupt();
            assertThat(a.endsWithin(SECOND)).as("it waits on").isFalse();
            rig.release(8);
            serves(a);
        }
        assertThat(kept).isTrue();
    }

    /// Reclaim makes nobody wait once kswapd is hopeless, so the tick is all there is.
    @Test
    void anInterruptedThreadThatWaitsWithoutFsMakesOneRoundATick() {
        exhaust();
        rig.kswapd.start();
        rig.kswapd.wake(0);
        while (!rig.kswapd.hopeless()) {
            rig.clock.awaitParked(1);
            rig.clock.advance(Clock.TICK_NANOS);
        }
        rig.clock.awaitParked(1);
        try (Asker<Long> a = ask(() -> {
            Thread.currentThread().interrupt();
            return rig.pages.alloc(0, DIRECT_NOFS);
        })) {
            rig.clock.awaitParked(2);
            long rounds = rig.stat.get(Item.ALLOC_RETRY);
            for (int tick = 0; tick < Clock.HZ; tick++) {
                rig.clock.advance(Clock.TICK_NANOS);
                rig.clock.awaitParked(2);
            }
            assertThat(rig.stat.get(Item.ALLOC_RETRY) - rounds).isEqualTo(Clock.HZ);
            rig.kswapd.close();
            rig.release(8);
            serves(a);
        }
    }

    @Test
    @Row("D16")
    void withoutFsNobodyIsFailedAndAfterASecondItSaysForWhomItWaits() {
        exhaust();
        try (Asker<Long> a = ask(DIRECT_NOFS)) {
            assertThat(a.endsWithin(9 * SECOND / 10)).isFalse();
            heard.awaitAll();
            assertThat(heard.waitsFor).isEmpty();
            assertThat(a.endsWithin(SECOND)).isFalse();
            heard.awaitAll();
            assertThat(heard.waitsFor).isNotEmpty().allSatisfy(text -> assertThat(text)
                    .contains("asker waits for whoever frees", "group rig/large"));
            assertThat(large.failed() || small.failed()).isFalse();
            rig.release(8);
            serves(a);
        }
    }

    @Test
    void aPolicyThatThrowsOrChoosesWhatCannotBeFailsNobody() {
        MemGroup stranger = MemGroup.root("other");
        List<OutOfMemoryPolicy> policies = List.of(
                (root, requester) -> {
                    throw new AssertionError("policy");
                },
                (root, requester) -> root,
                (root, requester) -> requester,
                (root, requester) -> stranger,
                (root, requester) -> null);
        for (OutOfMemoryPolicy policy : policies) {
            use(policy);
            exhaust();
            try (Asker<Long> a = ask(DIRECT)) {
                assertThat(a.endsWithin(SECOND)).isTrue();
                assertThat(a.thrown()).isNull();
                assertThat(a.answer()).isZero();
            }
            assertThat(rig.root.failed() || stranger.failed()).isFalse();
        }
        heard.awaitAll();
        assertThat(heard.trouble).hasSize(2);
        assertThat(heard.trouble.get(0)).contains("policy threw");
        assertThat(heard.trouble.get(1)).contains("other, which is not inside rig");
    }

    @Test
    void anOwnerThatThrowsOrHangsHarmsNobody() {
        exhaust();
        CountDownLatch hang = new CountDownLatch(1);
        CountDownLatch told = new CountDownLatch(2);
        large.whenFailed(g -> {
            told.countDown();
            try {
                hang.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        small.whenFailed(g -> {
            told.countDown();
            throw new AssertionError("owner");
        });
        try (Asker<Long> a = ask(DIRECT)) {
            assertThat(a.endsWithin(4 * SECOND)).isTrue();
            assertThat(a.answer()).isZero();
        }
        await(told);
        hang.countDown();
    }
}
