package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.testkit.Row;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A consumer of one pool that also has frames of another: what it does there is neither progress
/// nor its opposite here.
@Row("E1")
final class TwoPoolsTest {
    private static final long SECOND = 1_000_000_000L;

    private final PageRig here = new PageRig();
    private final PageRig there = new PageRig();
    private final Deque<Long> ours = new ArrayDeque<>();
    private final Deque<Long> theirs = new ArrayDeque<>();

    @AfterEach
    void close() {
        ours.forEach(here.pages::free);
        theirs.forEach(there.pages::free);
        here.close();
        there.close();
    }

    private long reclaimed(Function<ShrinkControl, Long> scan) {
        here.shrinker("of two pools", null, 100_000, scan);
        try (Asker<Long> a = new Asker<>(here.clock,
                () -> here.vmscan.tryToFreePages(0, Gfp.KERNEL))) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            return a.answer();
        }
    }

    private static void fill(PageRig rig, Deque<Long> runs) {
        for (int i = 0; i < 200; i++) {
            runs.add(rig.pages.alloc(0, Gfp.KERNEL));
        }
    }

    @Test
    void whatAnotherPoolGetsBackIsNoProgress() {
        fill(there, theirs);
        assertThat(reclaimed(sc -> {
            Long run = theirs.poll();
            if (run != null) {
                there.pages.free(run);
            }
            return 1L;
        })).isZero();
        assertThat(theirs).as("it was asked, and gave").isEmpty();
    }

    @Test
    void whatIsTakenFromAnotherPoolTakesNothingOffTheProgress() {
        fill(here, ours);
        assertThat(reclaimed(sc -> {
            Long run = ours.poll();
            if (run != null) {
                here.pages.free(run);
                theirs.add(there.pages.alloc(0, Gfp.KERNEL));
            }
            return 1L;
        })).isPositive();
        assertThat(theirs).isNotEmpty();
    }
}
