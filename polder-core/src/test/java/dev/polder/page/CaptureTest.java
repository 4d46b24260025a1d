package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.stat.VmStat.Item;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What a direct reclaimer freed is offered to it first: a stranger who takes all that an ordinary
/// request may have, after the reclaimer's free and before its attempt, does not get it all.
final class CaptureTest {
    private static final int ONCE = (Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM) | Gfp.NORETRY;

    private final PageRig rig = new PageRig();
    private int stolen;

    @AfterEach
    void close() {
        rig.close();
    }

    /// Another thread, to its end, inside the reclaimer's scan: the worst moment, every time.
    private void stealAll(int order) {
        Thread thief = new Thread(() -> stolen += rig.fill(order, Gfp.NOWAIT));
        thief.start();
        try {
            thief.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aStrangerCannotTakeItBetweenReclaimAndTheNextAttempt() {
        rig.fill(0, Gfp.NOWAIT);
        rig.shrinker("s", null, 10_000, sc -> {
            rig.release((int) sc.toScan());
            stealAll(0);
            return sc.toScan();
        });
        for (int i = 1; i <= 5; i++) {
            long run = rig.pages.alloc(0, ONCE);
            assertThat(run).isNotZero();
            rig.keep(run);
            assertThat(rig.stat.get(Item.RECLAIM_CAPTURED)).isEqualTo(i);
        }
        assertThat(stolen).as("the thief was at work").isGreaterThan(5 * 31);
        assertThat(rig.zone.free()).as("and left the mark standing").isEqualTo(PageRig.MIN);
    }

    @Test
    void aRunIsKeptAsSoonAsNeighboursMakeIt() {
        rig.fill(0, Gfp.NOWAIT);
        rig.shrinker("s", null, 10_000, sc -> {
            rig.release((int) sc.toScan());
            stealAll(0);
            return sc.toScan();
        });
        long run = rig.pages.alloc(3, ONCE);
        assertThat(run).isNotZero();
        assertThat(rig.pages.frames().order(run)).isEqualTo(3);
        assertThat(rig.stat.get(Item.RECLAIM_CAPTURED)).isEqualTo(1);
        rig.keep(run);
        rig.pages.verify();
    }

    @Test
    void nothingIsKeptBelowTheRequestsOwnMark() {
        rig.fill(0, Gfp.NOWAIT);
        for (int i = 0; i < 20; i++) {
            rig.keep(rig.pages.alloc(0, Gfp.ATOMIC));
        }
        rig.shrinker("s", null, 10_000, sc -> {
            if (rig.zone.free() < PageRig.MIN) {
                rig.release(1);
            }
            return 1L;
        });
        assertThat(rig.pages.alloc(0, ONCE)).isZero();
        assertThat(rig.stat.get(Item.RECLAIM_CAPTURED)).isZero();
        assertThat(rig.zone.free()).isEqualTo(PageRig.MIN);
    }

    @Test
    void aReclaimThatThrowsLeavesNothingKept() {
        rig.fill(0, Gfp.NOWAIT);
        rig.shrinker("s", null, 10_000, sc -> {
            rig.release((int) sc.toScan());
            rig.pages.close();
            throw new IllegalStateException("planted");
        });
        assertThat(rig.pages.alloc(0, ONCE)).as("it was freed for this request").isNotZero();
    }
}
