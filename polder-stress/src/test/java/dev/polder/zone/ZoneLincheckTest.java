package dev.polder.zone;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.stat.VmStat;
import dev.polder.stress.Checks;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Blocks are taken from a zone and given back by several threads as if one after the other did
/// it, while others ask the system for memory ahead of need and give idle blocks back to it. Orders
/// above those that are kept near threads: what another stripe keeps is a shortage that no single
/// thread would see.
@Tag("stress")
public class ZoneLincheckTest {
    private static final int FRAMES = 3 * CommitBlocks.FRAMES;

    /// Ready ahead, and not given back: what the first block has without frame 0. The others come
    /// and go.
    private static final int KEPT = CommitBlocks.FRAMES - 1;
    /// How many times the price of another run those of a zone cost.
    private static final int SYSTEM_CALLS = 16;

    /// One for all zones, which never touch it.
    private static final PoolMemory MEMORY =
            PoolMemory.open(FRAMES, 0, false, MappingBudget.of(8));

    private final Zone zone = new Zone(MEMORY, new Watermarks(0, 0, 0), 2,
            new CommitMarks(KEPT, KEPT), new VmStat());
    private final AtomicLong now = new AtomicLong();
    private final long[] held = new long[Checks.THREAD_NUMBERS];

    /// All blocks are free with memory behind them, and have been idle for a window.
    public ZoneLincheckTest() {
        long one = zone.take(Frames.MAX_ORDER, -1);
        long other = zone.take(Frames.MAX_ORDER, -1);
        zone.give(one);
        zone.give(other);
        tend();
    }

    /// Takes a block; 0 if there is none, -1 if the thread holds one.
    @Operation
    public long take(@Param(gen = ThreadIdGen.class) int thread,
            @Param(gen = IntGen.class, conf = "9:10") int order) {
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

    /// Background reclaim's look, a window later: more is made ready, and what was idle goes back.
    @Operation
    public void tend() {
        zone.tend(now.addAndGet(CommitBalance.WINDOW_NANOS));
    }

    /// What is free, with or without memory behind it.
    @Operation
    public long free() {
        return zone.free();
    }

    @Test
    void blocksAreHandedOutOnce() {
        Checks.modelChecking(SYSTEM_CALLS).actorsPerThread(2).actorsBefore(1).actorsAfter(1)
                .check(ZoneLincheckTest.class);
    }

    @Test
    void aBuddyWithoutTheZonesLockIsFound() {
        assertThatThrownBy(() -> Checks.modelChecking().check(Unlocked.class))
                .isInstanceOf(LincheckAssertionError.class);
    }

    @Test
    void aBlockThatIsNeitherFreeNorMovingIsFound() {
        assertThatThrownBy(() -> Checks.modelChecking().check(Impatient.class))
                .isInstanceOf(LincheckAssertionError.class);
    }

    /// The canary: a block that is on its way out is in nobody's books, and who finds none does
    /// not wait for it.
    public static class Impatient {
        private final ReentrantLock lock = new ReentrantLock();
        private final Buddy buddy;

        /// One block of 1024 frames.
        public Impatient() {
            buddy = new Buddy(new FrameTable(FRAMES));
            buddy.giveRange(CommitBlocks.FRAMES, 2 * CommitBlocks.FRAMES);
        }

        /// Whether there is a block.
        @Operation
        public boolean has() {
            lock.lock();
            try {
                return buddy.has(Frames.MAX_ORDER);
            } finally {
                lock.unlock();
            }
        }

        /// A block goes out, the system refuses it, and it comes back.
        @Operation
        public void giveBack() {
            int pfn;
            lock.lock();
            try {
                pfn = buddy.removeIdle();
            } finally {
                lock.unlock();
            }
            lock.lock();
            try {
                if (pfn != 0) {
                    buddy.giveRange(pfn, pfn + CommitBlocks.FRAMES);
                }
            } finally {
                lock.unlock();
            }
        }
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
