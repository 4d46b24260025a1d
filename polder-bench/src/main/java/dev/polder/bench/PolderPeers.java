package dev.polder.bench;

import dev.polder.Polder;
import dev.polder.gfp.Gfp;
import dev.polder.kv.KvAllocator;
import dev.polder.slab.Kmalloc;
import dev.polder.slab.SlabCache;
import java.lang.foreign.MemorySegment;

/// Polder, by its several doors.
final class PolderPeers {
    /// Larger blocks are measured through kvmalloc, as a program would ask for them.
    static final int LARGEST_KMALLOC = 64 << 10;

    private PolderPeers() {}

    /// `kmalloc` and `kfree`.
    static final class ByKmalloc extends Peer {
        private final Kmalloc kmalloc;
        private final int size;
        private final long[] slots = new long[SLOTS];

        ByKmalloc(Polder pool, int size) {
            this.kmalloc = pool.kmalloc();
            this.size = size;
        }

        @Override
        void alloc(int slot) {
            slots[slot] = kmalloc.alloc(size, Gfp.KERNEL);
        }

        @Override
        void free(int slot) {
            kmalloc.free(slots[slot]);
        }
    }

    /// `kvmalloc` and `kvfree`.
    static final class ByKvmalloc extends Peer {
        private final KvAllocator kv;
        private final int size;
        private final long[] slots = new long[SLOTS];

        ByKvmalloc(Polder pool, int size) {
            this.kv = pool.kv();
            this.size = size;
        }

        @Override
        void alloc(int slot) {
            slots[slot] = kv.alloc(size, Gfp.KERNEL);
        }

        @Override
        void free(int slot) {
            kv.free(slots[slot]);
        }
    }

    /// A cache of objects of one size.
    static final class ByCache extends Peer {
        private final SlabCache cache;
        private final long[] slots = new long[SLOTS];

        ByCache(Polder pool, int size) {
            this.cache = pool.createCache("bench", size);
        }

        @Override
        void alloc(int slot) {
            slots[slot] = cache.alloc(Gfp.KERNEL);
        }

        @Override
        void free(int slot) {
            cache.free(slots[slot]);
        }
    }

    /// The facade.
    static final class BySegment extends Peer {
        private final Polder pool;
        private final int size;
        private final MemorySegment[] slots = new MemorySegment[SLOTS];

        BySegment(Polder pool, int size) {
            this.pool = pool;
            this.size = size;
        }

        @Override
        void alloc(int slot) {
            slots[slot] = pool.allocate(size, Gfp.KERNEL);
        }

        @Override
        void free(int slot) {
            pool.free(slots[slot]);
        }
    }
}
