package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.stress.Checks;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Test;

/// Addresses are taken and given by several threads as if one after the other did it.
public class AddressSpaceLincheckTest {
    private static final int PAGES = 12;

    private final AddressSpace space = new AddressSpace(PAGES);
    private final long[] first = new long[Checks.THREAD_NUMBERS];
    private final int[] length = new int[Checks.THREAD_NUMBERS];

    /// Takes a range; -1 if there is none, -2 if the thread holds one.
    @Operation
    public long take(@Param(gen = ThreadIdGen.class) int thread,
            @Param(gen = IntGen.class, conf = "1:7") int n) {
        if (length[thread] != 0) {
            return -2;
        }
        long taken = space.take(n);
        if (taken >= 0) {
            first[thread] = taken;
            length[thread] = n;
        }
        return taken;
    }

    /// Gives the thread's range back; false if it has none.
    @Operation
    public boolean give(@Param(gen = ThreadIdGen.class) int thread) {
        if (length[thread] == 0) {
            return false;
        }
        space.give(first[thread], length[thread]);
        length[thread] = 0;
        return true;
    }

    /// What is free.
    @Operation
    public long free() {
        return space.freePages();
    }

    @Test
    void rangesAreHandedOutOnce() {
        Checks.modelChecking().check(AddressSpaceLincheckTest.class);
    }

    @Test
    void aSpaceWithoutALockIsFound() {
        assertThatThrownBy(() -> Checks.modelChecking().check(Unlocked.class))
                .isInstanceOf(LincheckAssertionError.class);
    }

    /// The canary: a space of pages that looks and takes in two steps.
    public static class Unlocked {
        private final boolean[] taken = new boolean[4];

        /// Takes the first free page.
        @Operation
        public int take() {
            for (int i = 0; i < taken.length; i++) {
                if (!taken[i]) {
                    taken[i] = true;
                    return i;
                }
            }
            return -1;
        }
    }
}
