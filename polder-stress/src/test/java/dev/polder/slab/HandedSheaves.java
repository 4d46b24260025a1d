package dev.polder.slab;

import dev.polder.gfp.Gfp;
import java.util.concurrent.atomic.AtomicLongArray;

/// One thread takes objects and large runs and another gives them back, so that full sheaves go
/// through the depot from the one to the other: the state of a jcstress test. Sheaves are short
/// here, so that one is exchanged every few steps, and there is so little room for those of runs
/// that some go home.
class HandedSheaves {
    private static final int MASK = Gfp.NOWAIT | Gfp.NOWARN;
    /// Of which a sheaf has four.
    private static final int OBJECT_SIZE = 2048;
    /// Of which a sheaf has one, and the room for sheaves eight.
    private static final int RUN_SIZE = 256 << 10;
    /// Every other is a run.
    private static final int OBJECTS = 24;
    private static final Holders HOLDERS = new Holders(OBJECT_SIZE);
    private static final SlabCache CACHE = HOLDERS.cache;
    /// What was taken and not yet given back.
    private static final AtomicLongArray HANDED = new AtomicLongArray(OBJECTS);

    private int takersFaults;
    private int giversFaults;

    /// Takes objects and hands them on; what nobody fetched goes back.
    final void take() {
        for (int i = 0; i < OBJECTS; i++) {
            long object = isRun(i) ? HOLDERS.kmalloc().alloc(RUN_SIZE, MASK) : CACHE.alloc(MASK);
            if (object != 0 && !HOLDERS.take(object)) {
                takersFaults++;
            }
            takersFaults += give(i, HANDED.getAndSet(i, object));
        }
    }

    /// Gives back what was handed on.
    final void give() {
        for (int i = 0; i < OBJECTS; i++) {
            giversFaults += give(i, HANDED.getAndSet(i, 0));
        }
    }

    /// The same, and reclaim calls all sheaves home.
    final void giveAndReclaim() {
        give();
        HOLDERS.slabs.drainSheaves();
    }

    /// What was wrong.
    final int faults() {
        return takersFaults + giversFaults;
    }

    private static boolean isRun(int i) {
        return i % 2 != 0;
    }

    private static int give(int i, long object) {
        if (object == 0) {
            return 0;
        }
        boolean alone = HOLDERS.leave(object);
        if (isRun(i)) {
            HOLDERS.kmalloc().free(object);
        } else {
            CACHE.free(object);
        }
        return alone ? 0 : 1;
    }
}
