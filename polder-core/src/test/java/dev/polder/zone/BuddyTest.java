package dev.polder.zone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class BuddyTest {
    private static final int FRAMES = 4096;

    private final FrameTable frames = new FrameTable(FRAMES);
    private final Buddy buddy = new Buddy(frames);

    private void fill() {
        buddy.giveRange(1, FRAMES);
    }

    @Test
    void aRangeBecomesTheLargestBlocksThatFit() {
        fill();
        assertThat(buddy.free()).isEqualTo(FRAMES - 1);
        assertThat(buddy.blocks(Frames.MAX_ORDER)).isEqualTo(3);
        for (int k = 0; k < Frames.MAX_ORDER; k++) {
            assertThat(buddy.blocks(k)).as("order %d", k).isEqualTo(1);
        }
        buddy.verify();
    }

    @Test
    void splitsAndMerges() {
        fill();
        List<Integer> runs = new ArrayList<>();
        for (int pfn = buddy.take(0); pfn != 0; pfn = buddy.take(0)) {
            runs.add(pfn);
        }
        assertThat(runs).hasSize(FRAMES - 1).doesNotHaveDuplicates();
        assertThat(buddy.has(0)).isFalse();
        for (int pfn : runs) {
            frames.clear(pfn);
            buddy.give(pfn, 0);
        }
        assertThat(buddy.blocks(Frames.MAX_ORDER)).isEqualTo(3);
        buddy.verify();
    }

    /// Random takes and gives against a bit set of used frames: no overlap, right alignment, and
    /// a refusal only when the model, too, has no aligned free block.
    @Test
    void agreesWithAModel() {
        fill();
        long seed = new SplittableRandom().nextLong();
        SplittableRandom random = new SplittableRandom(seed);
        BitSet used = new BitSet(FRAMES);
        used.set(0);
        List<int[]> held = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) {
            if (random.nextInt(100) < 55) {
                int order = Math.min(random.nextInt(11), random.nextInt(11));
                int pfn = buddy.take(order);
                assertThat(pfn != 0).as("seed %d step %d", seed, i)
                        .isEqualTo(hasFreeBlock(used, order));
                if (pfn != 0) {
                    assertThat(pfn % (1 << order)).as("seed %d", seed).isZero();
                    assertThat(used.nextSetBit(pfn) >= pfn + (1 << order)
                            || used.nextSetBit(pfn) < 0).as("seed %d overlap", seed).isTrue();
                    used.set(pfn, pfn + (1 << order));
                    held.add(new int[] {pfn, order});
                }
            } else if (!held.isEmpty()) {
                int[] run = held.remove(random.nextInt(held.size()));
                frames.clear(run[0]);
                buddy.give(run[0], run[1]);
                used.clear(run[0], run[0] + (1 << run[1]));
            }
            assertThat(buddy.free()).as("seed %d", seed).isEqualTo(FRAMES - used.cardinality());
        }
        buddy.verify();
    }

    private static boolean hasFreeBlock(BitSet used, int order) {
        for (int at = 0; at < FRAMES; at += 1 << order) {
            int next = used.nextSetBit(at);
            if (next < 0 || next >= at + (1 << order)) {
                return true;
            }
        }
        return false;
    }

    /// Canary: a corrupted mark must be found.
    @Test
    void verifyFindsABlockThatIsNotMarkedFree() {
        fill();
        frames.mark(1024, FrameTable.USED, 10);
        assertThatThrownBy(buddy::verify).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("not marked free");
    }
}
