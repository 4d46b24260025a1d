package dev.polder.slab;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// The way from a thread and a cache to the thread's sheaves for it: a table for all pools of the
/// process, in front of what each task knows.
///
/// Notes
///
/// One constant array whose length is a power of two, so that a look-up needs no test of a bound.
/// An entry is known by its **key**, the sum of the cache's key and the thread's id: below stands
/// where the cache's entries begin plus the id, above a number that no other cache of the process
/// ever has. So a look-up is one addition and one comparison, and the low bits of the key are the
/// place. Threads, whose ids follow each other, lie side by side, caches of a pool a block apart.
/// Two that fall on one place are told apart by the key; the later one goes the long way until the
/// first has ended.
///
/// The table is read without any order. A hit proves itself: what has a thread's id in its key was
/// made by that thread and put here by it, so the thread reads its own earlier writes. Others see
/// some entry, complete or not, that is not theirs. Entries are written by compare-and-set, so that
/// clearing one cannot clear a successor.
final class SheafTable {
    /// Caches of a pool that do not meet each other; `kmalloc` has 22 with those of runs.
    private static final int BLOCKS = 32;
    /// Places of a cache.
    private static final int BLOCK = 512;
    /// Places, 64 KiB of references.
    private static final int PLACES = BLOCKS * BLOCK;
    /// Between pools, and between the first caches of a pool and the next ones, so that few meet.
    private static final int STRIDE = 37;

    /// Bits of a key for the thread's id: more than a process starts in a year at half a million a
    /// second. The others number the caches.
    private static final int ID_BITS = 44;
    private static final long MOST_IDS = (1L << ID_BITS) - PLACES;
    private static final long MOST_CACHES = (1L << (Long.SIZE - ID_BITS)) - 1;
    /// The key of nobody's entry; no cache has that number.
    static final long NO_KEY = -1;

    private static final VarHandle SLOT =
            MethodHandles.arrayElementVarHandle(ThreadSheaves[].class);
    private static final ThreadSheaves[] TABLE = vacant();
    private static final AtomicInteger POOLS = new AtomicInteger();
    private static final AtomicLong CACHES = new AtomicLong();

    private SheafTable() {}

    /// A number for a new pool, whose caches' entries begin somewhere else than other pools'.
    static int newPool() {
        return POOLS.getAndIncrement();
    }

    /// A key for a new cache. Once no number is left, later ones have none in common with an entry:
    /// their threads go the long way.
    ///
    /// @param pool its pool's number ([#newPool])
    /// @param cache its number among those of its pool
    static long newKey(int pool, int cache) {
        int shift = (pool + cache / BLOCKS) * STRIDE & (BLOCK - 1);
        int begin = cache % BLOCKS * BLOCK + shift;
        long number = CACHES.incrementAndGet();
        return (number < MOST_CACHES ? number : 0) << ID_BITS | begin;
    }

    /// The current thread's sheaves for the cache with that key; null if they do not stand here.
    static @Nullable ThreadSheaves mine(long cacheKey) {
        return find(cacheKey + Thread.currentThread().threadId());
    }

    /// The sheaves with that key, a cache's plus a thread's id; null if they do not stand here.
    static @Nullable ThreadSheaves find(long key) {
        ThreadSheaves t = TABLE[place(key)];
        return t.key == key ? t : null;
    }

    /// Puts sheaves in their place, unless those of a living thread stand there. By their owner.
    static void settle(ThreadSheaves sheaves) {
        long key = sheaves.key;
        boolean numbered = key >>> ID_BITS != 0 && Thread.currentThread().threadId() < MOST_IDS;
        ThreadSheaves holder = TABLE[place(key)];
        if (numbered && holder.ended()) {
            SLOT.compareAndSet(TABLE, place(key), holder, sheaves);
        }
    }

    /// Clears the place of sheaves that stand there.
    static void vacate(ThreadSheaves sheaves) {
        SLOT.compareAndSet(TABLE, place(sheaves.key), sheaves, ThreadSheaves.VACANT);
    }

    /// Where an entry with that key stands.
    static int place(long key) {
        return (int) key & (PLACES - 1);
    }

    private static ThreadSheaves[] vacant() {
        ThreadSheaves[] table = new ThreadSheaves[PLACES];
        Arrays.fill(table, ThreadSheaves.VACANT);
        return table;
    }
}
