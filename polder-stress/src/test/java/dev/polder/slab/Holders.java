package dev.polder.slab;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import java.util.concurrent.atomic.AtomicIntegerArray;

/// A pool, and how many have each piece of it: a piece in use is one holder's alone. What several
/// programs of jcstress count their faults with.
final class Holders {
    private static final long BUDGET = 64L << 20;

    final Slabs slabs;
    final SlabCache cache;
    private final Polder pool;
    private final int grain;
    private final long base;
    private final AtomicIntegerArray counts;

    /// A pool with a cache of objects of `size`, for pieces that are no smaller.
    Holders(int size) {
        pool = Polder.open(PolderConfig.builder().name("stress").budget(BUDGET).build());
        cache = pool.createCache("stress", size);
        slabs = cache.slabs();
        grain = size;
        base = slabs.pages().memory().base();
        counts = new AtomicIntegerArray((int) (BUDGET / size));
    }

    Kmalloc kmalloc() {
        return pool.kmalloc();
    }

    /// Says that the caller has the piece at `address`; false if somebody else does.
    boolean take(long address) {
        return counts.incrementAndGet(index(address)) == 1;
    }

    /// Says that the caller has it no longer; false if somebody else had it besides.
    boolean leave(long address) {
        return counts.getAndDecrement(index(address)) == 1;
    }

    private int index(long address) {
        return (int) ((address - base) / grain);
    }
}
