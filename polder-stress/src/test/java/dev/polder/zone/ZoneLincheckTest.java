package dev.polder.zone;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.stress.Checks;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Blocks are taken from a zone and given back by several threads as if one after the other did
/// it. Orders above those that are kept near threads: what another stripe keeps is a shortage that
/// no single thread would see.
@Tag("stress")
public class ZoneLincheckTest {
    private static final int FRAMES = 2048;

    /// One for all zones, which never touch it.
    private static final PoolMemory MEMORY =
            PoolMemory.open(FRAMES, 0, true, MappingBudget.of(0));

    private final Zone zone = new Zone(MEMORY, new Watermarks(0, 0, 0), 2);
    private final long[] held = new long[Checks.THREAD_NUMBERS];

    /// Takes a block; 0 if there is none, -1 if the thread holds one.
    @Operation
    public long take(@Param(gen = ThreadIdGen.class) int thread,
            @Param(gen = IntGen.class, conf = "8:10") int order) {
        if (held[thread] != 0) {
            return -1;
        }
        held[thread] = zone.take(order, -1);
        return held[thread] == 0 ? 0 : 1;
    }

    /// Gives the thread's block back; false if it has none.
    @Operation
    public boolean give(@Param(gen = ThreadIdGen.class) int thread) {
        if (held[thread] == 0) {
            return false;
        }
        zone.give(held[thread]);
        held[thread] = 0;
        return true;
    }

    /// What is free.
    @Operation
    public long free() {
        return zone.free();
    }

    @Test
    void blocksAreHandedOutOnce() {
        Checks.modelChecking().check(ZoneLincheckTest.class);
    }

    @Test
    void aBuddyWithoutTheZonesLockIsFound() {
        assertThatThrownBy(() -> Checks.modelChecking().check(Unlocked.class))
                .isInstanceOf(LincheckAssertionError.class);
    }

    /// The canary: the zone's buddy, and no lock around it.
    public static class Unlocked {
        private final Buddy buddy;

        /// One block of 1024 frames.
        public Unlocked() {
            buddy = new Buddy(new FrameTable(FRAMES));
            buddy.giveRange(1024, FRAMES);
        }

        /// Takes an eighth of it.
        @Operation
        public int take() {
            return buddy.take(7);
        }
    }
}
