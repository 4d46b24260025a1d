package dev.polder.kv;

import dev.polder.os.Clock;
import dev.polder.os.PoolMemory;
import dev.polder.slab.Kmalloc;
import dev.polder.slab.Slabs;
import dev.polder.vmalloc.VmallocRig;

/// A pool wired by hand up to kvmalloc.
final class KvRig implements AutoCloseable {
    final VmallocRig pool;
    final Slabs slabs;
    final Kmalloc kmalloc;
    final KvAllocator kv;

    KvRig(long frames) {
        this(frames, Boolean.getBoolean(PoolMemory.PORTABLE_PROPERTY));
    }

    KvRig(long frames, boolean portable) {
        pool = new VmallocRig(frames, frames << 14, 10_000, Clock.system(), portable);
        slabs = new Slabs(pool.pages);
        kmalloc = new Kmalloc(slabs);
        kv = new KvAllocator(kmalloc, pool.vmalloc);
    }

    /// Everything freed: no object, no area, no frame.
    void assertNothingLeaked() {
        slabs.shrinkAll();
        kv.verify();
        pool.assertNothingLeaked();
    }

    @Override
    public void close() {
        slabs.close();
        pool.close();
    }
}
