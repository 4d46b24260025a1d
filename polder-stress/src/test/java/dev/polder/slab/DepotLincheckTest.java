package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.stress.Checks;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Sheaves change hands in a depot as if one thread after the other came there. A sheaf is known
/// by its one object; an empty one is like any other.
@Tag("stress")
public class DepotLincheckTest {
    private static final SlabCache CACHE = Polder.open(
            PolderConfig.builder().name("lincheck").budget(PolderConfig.MIN_BUDGET).build())
            .createCache("lincheck", Long.BYTES);

    private final Depot depot = new Depot(2);
    /// The sheaf in each thread's hand.
    private final @Nullable Sheaf[] hand = new Sheaf[Checks.THREAD_NUMBERS];

    /// Every thread has a filled sheaf.
    public DepotLincheckTest() {
        for (int i = 0; i < hand.length; i++) {
            Sheaf sheaf = new Sheaf(CACHE, 1);
            sheaf.push(i + 1);
            hand[i] = sheaf;
        }
    }

    /// Puts the thread's sheaf; false if it has none or there is no room.
    @Operation
    public boolean put(@Param(gen = ThreadIdGen.class) int thread) {
        Sheaf mine = hand[thread];
        if (mine == null || !depot.put(mine)) {
            return false;
        }
        hand[thread] = null;
        return true;
    }

    /// Takes the object out of the thread's sheaf; -1 if it has none, 0 if it is empty.
    @Operation
    public long use(@Param(gen = ThreadIdGen.class) int thread) {
        Sheaf mine = hand[thread];
        return mine == null ? -1 : mine.isEmpty() ? 0 : mine.pop();
    }

    /// Exchanges the thread's empty sheaf, or none, for a filled one; its object.
    @Operation
    public long exchangeForFilled(@Param(gen = ThreadIdGen.class) int thread) {
        Sheaf mine = hand[thread];
        if (mine != null && !mine.isEmpty()) {
            return -1;
        }
        Sheaf filled = depot.exchangeForFilled(mine);
        if (filled == null) {
            return 0;
        }
        hand[thread] = filled;
        return filled.objects[0];
    }

    /// Exchanges the thread's filled sheaf for an empty one.
    @Operation
    public boolean exchangeForEmpty(@Param(gen = ThreadIdGen.class) int thread) {
        Sheaf mine = hand[thread];
        if (mine == null || mine.isEmpty()) {
            return false;
        }
        Sheaf empty = depot.exchangeForEmpty(mine);
        if (empty == null) {
            return false;
        }
        hand[thread] = empty;
        return true;
    }

    @Test
    void sheavesAreHandedOutOnce() {
        Checks.modelChecking().check(DepotLincheckTest.class);
    }

    @Test
    void aDepotWithoutALockIsFound() {
        assertThatThrownBy(() -> Checks.modelChecking().check(Unlocked.class))
                .isInstanceOf(LincheckAssertionError.class);
    }

    /// The canary: a stack of sheaves and no lock.
    public static class Unlocked {
        private final long[] stack = {1, 2, 3, 4};
        private int count = stack.length;

        /// Takes the uppermost.
        @Operation
        public long take() {
            return count == 0 ? 0 : stack[--count];
        }
    }
}
