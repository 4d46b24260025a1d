package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.os.Clock;
import dev.polder.testkit.Row;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What is kept for atomic requests of an order above 0: when, how much, for whom, and when not any
/// longer.
@Row("C6")
final class HighAtomicTest {
    private static final int DIRECT = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;
    private static final int ORDER = 2;
    private static final long BLOCK = 64;
    /// A hundredth of 8192 frames is more than one block of 64.
    private static final int FRAMES = 8192;

    private final PageRig rig = new PageRig(FRAMES);

    @AfterEach
    void close() {
        rig.close();
    }

    private void atomicInTheSlowPath(int order) {
        long run = rig.pages.alloc(order, Gfp.ATOMIC);
        assertThat(run).isNotZero();
        rig.keep(run);
    }

    /// What a request on another thread gets, the time passing under it.
    private long ask(int order, int gfp) {
        return onAnotherThread(() -> rig.pages.alloc(order, gfp));
    }

    private <T> T onAnotherThread(Supplier<T> request) {
        try (Asker<T> a = new Asker<>(rig.clock, request)) {
            assertThat(a.endsWithin(10 * Clock.HZ * Clock.TICK_NANOS)).isTrue();
            return a.answer();
        }
    }

    /// Brings the pool to its min mark, keeps one block, and takes what is ordinary.
    private void keepOneAndTakeTheRest() {
        rig.fill(0, Gfp.NOWAIT);
        atomicInTheSlowPath(ORDER);
        rig.fill(0, Gfp.MEMALLOC);
    }

    @Test
    void nothingIsKeptWhileTheFastPathServes() {
        rig.keep(rig.pages.alloc(ORDER, Gfp.ATOMIC));
        assertThat(rig.zone.highAtomicFrames()).isZero();
    }

    @Test
    void theBlockAroundTheFirstThatNeededTheSlowPathIsKept() {
        rig.fill(0, Gfp.NOWAIT);
        assertThat(rig.zone.highAtomicFrames()).isZero();
        atomicInTheSlowPath(ORDER);
        assertThat(rig.zone.highAtomicFrames()).isEqualTo(BLOCK);
        rig.pages.verify();
    }

    @Test
    void aboutAHundredthOfThePoolAtMost() {
        rig.fill(0, Gfp.NOWAIT);
        rig.release(1000);
        rig.fill(6, Gfp.NOWAIT);
        rig.fill(6, Gfp.ATOMIC);
        rig.fill(5, Gfp.ATOMIC);
        rig.fill(1, Gfp.ATOMIC);
        assertThat(rig.zone.highAtomicFrames()).isEqualTo(2 * BLOCK)
                .isLessThan(FRAMES / 100 + BLOCK);
    }

    @Test
    void aPoolOfWhichAHundredthIsLessThanABlockKeepsNothing() {
        try (PageRig small = new PageRig(4096)) {
            small.fill(0, Gfp.NOWAIT);
            small.keep(small.pages.alloc(ORDER, Gfp.ATOMIC));
            assertThat(small.zone.highAtomicFrames()).isZero();
        }
    }

    /// All that is free is kept, and is more than the mark of each of these masks.
    @Test
    void onlyHighWithoutDirectOfAnOrderAboveNullAndNotNomemallocGetsIt() {
        keepTwo();
        rig.fill(0, Gfp.MEMALLOC);
        assertThat(rig.zone.free()).as("kept even from MEMALLOC; frame 0 is never free")
                .isBetween(2 * BLOCK - 1, 2 * BLOCK);
        assertThat(rig.pages.alloc(0, Gfp.ATOMIC)).as("order 0").isZero();
        assertThat(rig.pages.alloc(0, Gfp.ATOMIC | Gfp.MEMALLOC)).as("order 0").isZero();
        assertThat(rig.pages.alloc(1, Gfp.MEMALLOC)).as("not HIGH").isZero();
        assertThat(rig.pages.alloc(1, Gfp.ATOMIC | Gfp.NOMEMALLOC)).as("NOMEMALLOC").isZero();
        assertThat(ask(1, DIRECT | Gfp.HIGH | Gfp.NORETRY)).as("DIRECT").isZero();
        atomicInTheSlowPath(1);
    }

    /// Two blocks that are kept, with nothing in use in them.
    private void keepTwo() {
        rig.fill(0, Gfp.NOWAIT);
        rig.release(150);
        long half = rig.pages.alloc(5, Gfp.ATOMIC);
        long whole = rig.pages.alloc(6, Gfp.ATOMIC);
        rig.pages.free(half);
        rig.pages.free(whole);
        assertThat(rig.zone.highAtomicFrames()).isEqualTo(2 * BLOCK);
    }

    @Test
    @Row("C2")
    void othersDoNotCountIt() {
        rig.fill(0, Gfp.NOWAIT);
        atomicInTheSlowPath(ORDER);
        long kept = BLOCK - (1 << ORDER);
        rig.release(200);
        onAnotherThread(() -> rig.fill(0, DIRECT | Gfp.NORETRY));
        assertThat(rig.zone.free()).as("an ordinary request leaves min and what is kept")
                .isEqualTo(PageRig.MIN + kept);
        rig.fill(0, Gfp.NOWAIT);
        assertThat(rig.zone.free()).as("who may use reserves counts it").isEqualTo(PageRig.MIN);
    }

    @Test
    void aRunThatComesBackToItsBlockIsKeptToo() {
        rig.fill(0, Gfp.NOWAIT);
        long run = rig.pages.alloc(ORDER, Gfp.ATOMIC);
        rig.pages.free(run);
        rig.fill(0, Gfp.MEMALLOC);
        assertThat(rig.zone.free()).isEqualTo(BLOCK);
        assertThat(rig.zone.listed()).as("it passes the lists by").isZero();
    }

    @Test
    @Row("D7")
    void aBlockIsGivenBackWhenDirectReclaimProgressedAndTheRequestFailedTheLastOneNot() {
        keepTwo();
        rig.fill(0, Gfp.NOWAIT);
        rig.shrinker("s", null, 1000, sc -> {
            rig.release(1);
            return 1L;
        });
        int costly = 9;
        for (int i = 0; i < 3; i++) {
            assertThat(ask(costly, DIRECT | Gfp.NORETRY)).isZero();
        }
        assertThat(rig.zone.highAtomicFrames()).isEqualTo(BLOCK);
        rig.pages.verify();
    }

    @Test
    @Row({"D11", "D14"})
    void allOfItIsGivenBackBeforeTheEndOfTheRoad() {
        keepOneAndTakeTheRest();
        assertThat(ask(0, DIRECT)).as("what was kept is less than min").isZero();
        assertThat(rig.zone.highAtomicFrames()).isZero();
        assertThat(rig.zone.free()).isPositive();
        assertThat(rig.pages.alloc(0, Gfp.NOWAIT)).isZero();
        rig.keep(rig.pages.alloc(0, Gfp.MEMALLOC));
        rig.pages.verify();
    }
}
