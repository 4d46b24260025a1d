package dev.polder.slab;

import dev.polder.gfp.Gfp;
import org.jspecify.annotations.Nullable;

/// What has sheaves in front of it: a cache of objects, or the runs of one order.
abstract sealed class Sheaved permits SlabCache, RunCache {
    /// Masks without any other bit ask for an object and nothing besides.
    static final int PLAIN = Gfp.KERNEL | Gfp.HIGH | Gfp.NOWARN | Gfp.NORETRY | Gfp.RETRY_MAYFAIL
            | Gfp.NOFAIL | Gfp.MEMALLOC | Gfp.NOMEMALLOC | Gfp.NOLOCKDEP;

    /// What it shares with all others of its pool.
    final Slabs slabs;
    private final int number;
    private final long key;
    // Guarded by the registry's lock
    private boolean threadsDenied;

    Sheaved(Slabs slabs) {
        this.slabs = slabs;
        this.number = slabs.newNumber();
        this.key = slabs.newKey(number);
    }

    /// Its number among those of its pool, for the places in [TaskSheaves].
    final int number() {
        return number;
    }

    /// What with a thread's id makes the key of the thread's sheaves in [SheafTable].
    final long key() {
        return key;
    }

    /// Bytes in an object.
    abstract int objectSize();

    /// The sheaves that belong to no thread.
    abstract StripedSheaves sheaves();

    /// Puts every object of `sheaf`, which the caller alone holds, back where it came from.
    ///
    /// @return the number of frames that became free by it
    abstract long putBack(Sheaf sheaf);

    /// How much of the room for sheaves, the pool's or a thread's, may be taken when one more is
    /// made for this: all of `bytes`, or the part that leaves others theirs.
    long room(long bytes) {
        return bytes;
    }

    /// Room that one sheaf takes, in bytes.
    final long sheafBytes() {
        return sheaves().sheafBytes();
    }

    /// Objects in sheaves; exact only while nobody takes or gives.
    final long inSheaves() {
        return sheaves().objects() + slabs.threads().objects(this);
    }

    /// What [SheafTable] knows of the current thread's own sheaves.
    final @Nullable ThreadSheaves sheavesOfThread() {
        return SheafTable.mine(key);
    }

    /// The current thread's own sheaves; null if it has none.
    final @Nullable ThreadSheaves mine() {
        ThreadSheaves found = sheavesOfThread();
        return found != null ? found : slabs.threads().mine(this);
    }

    /// Threads get no sheaves from now on. Under the registry's lock.
    final void denyThreads() {
        threadsDenied = true;
    }

    /// Whether threads get no sheaves any longer. Under the registry's lock.
    final boolean threadsDenied() {
        return threadsDenied;
    }
}
