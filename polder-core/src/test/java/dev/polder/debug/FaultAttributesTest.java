package dev.polder.debug;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Each attribute alone, and who decides before whom.
final class FaultAttributesTest {
    @AfterEach
    void disarm() {
        FaultAttributes.failNth(0);
    }

    private static FaultAttributes.Builder always() {
        return FaultAttributes.builder().probability(100).ignoreDirect(false).minOrder(0);
    }

    /// Which of `n` requests for a page fail, counted from 1.
    private static List<Integer> failing(FaultAttributes f, int n) {
        List<Integer> which = new ArrayList<>();
        for (int i = 1; i <= n; i++) {
            if (f.shouldFail("direct", 0, Gfp.KERNEL)) {
                which.add(i);
            }
        }
        return which;
    }

    @Test
    @Row("L1")
    void byDefaultNoRequestFailsThatMayReclaimAndNoSinglePage() {
        FaultAttributes f = FaultAttributes.builder().probability(100).build();
        assertThat(f.shouldFail("direct", 1, Gfp.KERNEL)).isFalse();
        assertThat(f.shouldFail("direct", 1, Gfp.NOFS)).isFalse();
        assertThat(f.shouldFail("direct", 0, Gfp.NOWAIT)).isFalse();
        assertThat(f.shouldFail("direct", 1, Gfp.NOWAIT)).isTrue();
        assertThat(f.shouldFail("object:things", 64, 0, Gfp.NOWAIT)).as("min-order is of pages")
                .isTrue();
        assertThat(f.shouldFail("object:things", 64, 0, Gfp.KERNEL)).isFalse();
        assertThat(f.failed()).isEqualTo(2);
    }

    @Test
    @Row("L1")
    void nofailNeverFails() {
        FaultAttributes f = always().build();
        assertThat(f.shouldFail("direct", 3, Gfp.KERNEL | Gfp.NOFAIL)).isFalse();
        FaultAttributes.failNth(1);
        assertThat(f.shouldFail("direct", 3, Gfp.KERNEL | Gfp.NOFAIL)).isFalse();
        assertThat(FaultAttributes.failNthLeft()).as("is not counted either").isEqualTo(1);
    }

    @Test
    @Row("L1")
    void sitesAreChosen() {
        FaultAttributes f = always().sites("object:things"::equals).build();
        assertThat(f.shouldFail("object:things", 64, 0, Gfp.KERNEL)).isTrue();
        assertThat(f.shouldFail("object:others", 64, 0, Gfp.KERNEL)).isFalse();
        assertThat(f.shouldFail("slab", 0, Gfp.KERNEL)).isFalse();
    }

    @Test
    @Row("L2")
    void probabilityIsDrawnFromTheSeed() {
        List<Integer> first = failing(always().probability(30).seed(7).build(), 10_000);
        assertThat(first).hasSizeBetween(2_700, 3_300)
                .isEqualTo(failing(always().probability(30).seed(7).build(), 10_000))
                .isNotEqualTo(failing(always().probability(30).seed(8).build(), 10_000));
        assertThat(failing(always().probability(0).build(), 100)).isEmpty();
    }

    @Test
    @Row("L2")
    void intervalTimesAndSpace() {
        assertThat(failing(always().interval(3).build(), 10)).containsExactly(3, 6, 9);
        assertThat(failing(always().times(2).build(), 10)).containsExactly(1, 2);
        assertThat(failing(always().times(0).build(), 10)).isEmpty();
        assertThat(failing(always().space(3 * 4096).build(), 5)).as("granted while more is left")
                .containsExactly(3, 4, 5);
        FaultAttributes small = always().space(100).build();
        assertThat(small.shouldFail("object:things", 64, 0, Gfp.KERNEL)).isFalse();
        assertThat(small.shouldFail("object:things", 64, 0, Gfp.KERNEL)).isTrue();
    }

    @Test
    @Row("L2")
    void tasksAndStacksAreFiltered() throws InterruptedException {
        FaultAttributes mine = always().tasks(t -> t.getName().equals("victim")).build();
        assertThat(failing(mine, 3)).isEmpty();
        AtomicInteger seen = new AtomicInteger();
        Thread victim = Thread.ofPlatform().name("victim").start(
                () -> seen.set(failing(mine, 3).size()));
        victim.join();
        assertThat(seen).hasValue(3);
        FaultAttributes below = always().stack(
                frame -> frame.getMethodName().equals("fromHere")).build();
        assertThat(failing(below, 3)).isEmpty();
        assertThat(fromHere(below)).hasSize(3);
    }

    private static List<Integer> fromHere(FaultAttributes f) {
        return failing(f, 3);
    }

    @Test
    @Row({"L2", "L4"})
    void verbosityTellsUnlessTheRequestSaysNowarn() throws InterruptedException {
        Queue<String> told = new ConcurrentLinkedQueue<>();
        PolderEvents before = PolderEvents.listen(new PolderEvents() {
            @Override
            public void trouble(String pool, String what, @Nullable Throwable thrown) {
                told.add(what);
            }
        });
        try {
            FaultAttributes f = always().verbose(true).build();
            assertThat(f.shouldFail("pgtable", 0, Gfp.KERNEL | Gfp.NOWARN)).isTrue();
            assertThat(f.shouldFail("slab", 2, Gfp.KERNEL)).isTrue();
            assertThat(always().build().shouldFail("quiet", 0, Gfp.KERNEL)).isTrue();
            assertThat(PolderEvents.awaitDelivered(10, TimeUnit.SECONDS)).isTrue();
        } finally {
            PolderEvents.listen(before);
        }
        assertThat(told).hasSize(1).allSatisfy(t -> assertThat(t)
                .contains("slab", "order 2", "GFP_KERNEL", "verbosityTellsUnlessTheRequest"));
    }

    @Test
    @Row("L3")
    void failNthDecidesBeforeEveryOtherAttribute() {
        FaultAttributes f = FaultAttributes.builder().probability(0).times(0).space(1 << 20)
                .interval(1000).tasks(_ -> false).minOrder(0).ignoreDirect(false).build();
        FaultAttributes.failNth(3);
        assertThat(failing(f, 10)).containsExactly(3);
        assertThat(FaultAttributes.failNthLeft()).isZero();
    }

    @Test
    @Row("L3")
    void failNthKeepsOffTheOthersUntilItIsDone() {
        FaultAttributes.failNth(3);
        assertThat(failing(always().build(), 5)).containsExactly(3, 4, 5);
    }

    @Test
    @Row("L3")
    void failNthObeysTheStackFilterAndIsOfOneThread() throws InterruptedException {
        FaultAttributes below = always().stack(
                frame -> frame.getMethodName().equals("fromHere")).build();
        FaultAttributes.failNth(2);
        assertThat(failing(below, 5)).isEmpty();
        assertThat(FaultAttributes.failNthLeft()).as("others are not counted").isEqualTo(2);
        assertThat(fromHere(below)).containsExactly(2, 3);
        FaultAttributes.failNth(1);
        AtomicInteger elsewhere = new AtomicInteger(-1);
        Thread other = Thread.ofPlatform().start(
                () -> elsewhere.set(FaultAttributes.failNthLeft()));
        other.join();
        assertThat(elsewhere).hasValue(0);
    }

    @Test
    void nonsenseIsRefusedByName() {
        FaultAttributes.Builder b = FaultAttributes.builder();
        assertThatThrownBy(() -> b.probability(101)).hasMessageContaining("101");
        assertThatThrownBy(() -> b.interval(0)).hasMessageContaining("0");
        assertThatThrownBy(() -> b.times(-2)).hasMessageContaining("-2");
        assertThatThrownBy(() -> b.space(-1)).hasMessageContaining("-1");
        assertThatThrownBy(() -> FaultAttributes.failNth(-1)).hasMessageContaining("-1");
    }
}
