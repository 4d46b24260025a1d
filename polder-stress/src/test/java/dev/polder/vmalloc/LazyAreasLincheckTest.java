package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.stress.Checks;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Freed areas are kept, taken again and taken for unmapping as if by one thread after the other.
@Tag("stress")
public class LazyAreasLincheckTest {
    private final LazyAreas lazy = new LazyAreas(8);
    private final int[] made = new int[Checks.THREAD_NUMBERS];

    /// A thread frees an area of its own making.
    @Operation
    public void free(@Param(gen = ThreadIdGen.class) int thread,
            @Param(gen = IntGen.class, conf = "1:3") int pages) {
        long number = 100L * thread + ++made[thread];
        VmArea area = new VmArea(Frames.bytes(number), pages, Frames.bytes(pages));
        area.mustStep(VmArea.State.BUILDING, VmArea.State.LAZY);
        lazy.add(area);
    }

    /// Takes an area again; where it is, or 0.
    @Operation
    public long take(@Param(gen = IntGen.class, conf = "1:3") int pages) {
        VmArea area = lazy.take(pages);
        return area == null ? 0 : area.start;
    }

    /// Takes the oldest for unmapping; where it is, or 0.
    @Operation
    public long purge() {
        VmArea area = lazy.takeForPurge();
        if (area == null) {
            return 0;
        }
        lazy.purged();
        return area.start;
    }

    @Test
    void areasAreHandedOutOnce() {
        Checks.modelChecking().check(LazyAreasLincheckTest.class);
    }

    @Test
    void aListWithoutALockIsFound() {
        assertThatThrownBy(() -> Checks.modelChecking().check(Unlocked.class))
                .isInstanceOf(LincheckAssertionError.class);
    }

    /// The canary: a list of areas and no lock.
    public static class Unlocked {
        private final Deque<Integer> list = new ArrayDeque<>();

        /// Adds one.
        @Operation
        public void free(@Param(gen = IntGen.class, conf = "1:3") int area) {
            list.addLast(area);
        }

        /// Takes the oldest.
        @Operation
        public @Nullable Integer take() {
            return list.pollFirst();
        }
    }
}
