package dev.polder.slab;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// The way from a thread and a cache to the thread's sheaves for it: a table for all pools of the
/// process, in front of what each task knows.
///
/// Notes
///
/// One constant array whose length is a power of two, so that a look-up needs no test of a bound.
/// Entries are found by thread and cache: the caches of one `kmalloc` lie side by side, those of a
/// thread with them, and threads, whose ids follow each other, one row after the other. Two that
/// fall on one place are told apart by the entry itself; the later one goes the long way until the
/// first has ended.
///
/// The table is read without any order. A hit proves itself: what names a thread as its owner was
/// made by that thread and put here by it, so the thread reads its own earlier writes. Others see
/// some entry, complete or not, that is not theirs. Entries are written by compare-and-set, so that
/// clearing one cannot clear a successor.
final class SheafTable {
    /// Caches of a row; `kmalloc` has 22 with those of runs.
    private static final int ROW = 32;
    /// Between two rows of a pool, so that few pools meet there.
    private static final int ROWS_OF_A_POOL = 37;
    /// Places: 512 rows, a thread in a pool each; 64 KiB of references.
    private static final int PLACES = 512 * ROW;
    private static final int ROW_SHIFT = Integer.numberOfTrailingZeros(ROW);
    /// 2^32 divided by the golden ratio, made odd: spreads the rows of pools.
    private static final int SPREAD = 0x9E3779B9;

    private static final VarHandle SLOT =
            MethodHandles.arrayElementVarHandle(ThreadSheaves[].class);
    private static final ThreadSheaves[] TABLE = vacant();
    private static final AtomicInteger POOLS = new AtomicInteger();

    private SheafTable() {}

    /// A number for a new pool, whose rows begin somewhere else than other pools'.
    static int newPool() {
        return POOLS.getAndIncrement();
    }

    /// Where the sheaves of a thread 0 for a cache would stand.
    ///
    /// @param pool its pool's number ([#newPool])
    /// @param cache its number among those of its pool
    static int placeOf(int pool, int cache) {
        int row = pool + cache / ROW * ROWS_OF_A_POOL;
        return ((row * SPREAD) << ROW_SHIFT) + cache % ROW;
    }

    /// The sheaves of the thread with that id for `cache`, whose place is `offset`; null if they do
    /// not stand here.
    static @Nullable ThreadSheaves find(Sheaved cache, int offset, long threadId) {
        ThreadSheaves t = TABLE[place(offset, threadId)];
        return t.threadId == threadId && t.cache == cache ? t : null;
    }

    /// Puts sheaves in their place, unless those of a living thread stand there. By their owner.
    static void settle(ThreadSheaves sheaves, int offset) {
        int place = place(offset, sheaves.threadId);
        ThreadSheaves holder = TABLE[place];
        if (holder.ended()) {
            SLOT.compareAndSet(TABLE, place, holder, sheaves);
        }
    }

    /// Clears the place of sheaves that stand there.
    static void vacate(ThreadSheaves sheaves, int offset) {
        SLOT.compareAndSet(TABLE, place(offset, sheaves.threadId), sheaves, ThreadSheaves.VACANT);
    }

    static int place(int offset, long threadId) {
        return (((int) threadId << ROW_SHIFT) + offset) & (PLACES - 1);
    }

    private static ThreadSheaves[] vacant() {
        ThreadSheaves[] table = new ThreadSheaves[PLACES];
        Arrays.fill(table, ThreadSheaves.VACANT);
        return table;
    }
}
