package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AddressSpaceTest {
    @Test
    void takesTheLowestOfTheSmallestThatFit() {
        AddressSpace s = new AddressSpace(100);
        assertThat(s.take(10)).isZero();
        assertThat(s.take(5)).isEqualTo(10);
        assertThat(s.take(20)).isEqualTo(15);
        assertThat(s.take(5)).isEqualTo(35);
        s.give(0, 10);
        s.give(15, 20);
        assertThat(s.longest()).isEqualTo(60);
        assertThat(s.take(9)).isZero();
        assertThat(s.take(11)).isEqualTo(15);
        assertThat(s.take(1)).isEqualTo(9);
        s.verify();
    }

    @Test
    void neighboursAreJoined() {
        AddressSpace s = new AddressSpace(30);
        assertThat(s.take(10)).isZero();
        assertThat(s.take(10)).isEqualTo(10);
        assertThat(s.take(10)).isEqualTo(20);
        assertThat(s.take(1)).isEqualTo(-1);
        s.give(0, 10);
        s.give(20, 10);
        assertThat(s.take(11)).isEqualTo(-1);
        s.give(10, 10);
        assertThat(s.longest()).isEqualTo(30);
        assertThat(s.take(30)).isZero();
        assertThat(s.freePages()).isZero();
    }

    @Test
    void whatIsNotTakenCannotBeGivenBack() {
        AddressSpace s = new AddressSpace(30);
        assertThat(s.take(10)).isZero();
        assertThatThrownBy(() -> s.give(5, 10)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> s.give(10, 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> s.give(29, 2)).isInstanceOf(IllegalStateException.class);
        s.give(0, 10);
        assertThatThrownBy(() -> s.give(0, 10)).isInstanceOf(IllegalStateException.class);
        s.verify();
    }

    /// A purge gives back, and must not fail for want of Java heap.
    @Test
    void toGiveBackTakesNoJavaHeap() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int n = 1000;
        AddressSpace s = new AddressSpace(n);
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < n; i++) {
                assertThat(s.take(1)).isEqualTo(i);
            }
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < n; i += 2) {
                s.give(i, 1);
            }
            for (int i = 1; i < n; i += 2) {
                s.give(i, 1);
            }
            long bytes = threads.getCurrentThreadAllocatedBytes() - before;
            s.verify();
            assertThat(s.longest()).isEqualTo(n);
            if (round > 0) {
                assertThat(bytes).as("once all is loaded").isLessThan(n);
            }
        }
    }

    @Test
    void anEmptySpaceGivesNothing() {
        AddressSpace s = new AddressSpace(0);
        assertThat(s.take(1)).isEqualTo(-1);
        assertThat(s.longest()).isZero();
        s.verify();
    }

    /// Against a bit for each frame.
    @Test
    void agreesWithANaiveModel() {
        long seed = 20_260_718;
        Random random = new Random(seed);
        int size = 400;
        AddressSpace s = new AddressSpace(size);
        BitSet taken = new BitSet();
        List<int[]> held = new ArrayList<>();
        for (int step = 0; step < 5_000; step++) {
            String at = "seed " + seed + " step " + step;
            if (held.isEmpty() || random.nextInt(5) < 3) {
                int n = 1 + random.nextInt(30);
                long got = s.take(n);
                assertThat(got).as(at).isEqualTo(bestFit(taken, size, n));
                if (got >= 0) {
                    taken.set((int) got, (int) got + n);
                    held.add(new int[] {(int) got, n});
                }
            } else {
                int[] h = held.remove(random.nextInt(held.size()));
                taken.clear(h[0], h[0] + h[1]);
                s.give(h[0], h[1]);
            }
            assertThat(s.freePages()).isEqualTo(size - taken.cardinality());
            int from = random.nextInt(size - 5);
            assertThat(s.isTaken(from, 5)).isEqualTo(taken.nextClearBit(from) >= from + 5);
        }
        s.verify();
    }

    private static long bestFit(BitSet taken, int size, int n) {
        int best = -1;
        int bestLength = Integer.MAX_VALUE;
        int at = taken.nextClearBit(0);
        while (at < size) {
            int next = taken.nextSetBit(at);
            int end = next < 0 ? size : next;
            if (end - at >= n && end - at < bestLength) {
                best = at;
                bestLength = end - at;
            }
            at = taken.nextClearBit(end);
        }
        return best;
    }
}
