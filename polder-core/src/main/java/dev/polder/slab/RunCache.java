package dev.polder.slab;

import dev.polder.base.Frames;

/// The free runs of one order that `kmalloc` keeps in sheaves. What the kernel's per-CPU page lists
/// (`struct per_cpu_pages`) are to small orders, here for the larger ones.
///
/// To the page allocator the runs are in use and `kmalloc`'s, as those of slabs are.
final class RunCache extends Sheaved {
    /// Of the room for sheaves runs take at most this part: few of them would leave none for
    /// objects, which are taken more often.
    private static final int SHARE = 2;

    private final LargeObjects large;
    private final int order;
    private final StripedSheaves sheaves;

    RunCache(Slabs slabs, LargeObjects large, int order) {
        super(slabs);
        this.large = large;
        this.order = order;
        // No stripes: who has no sheaves of its own takes pages
        this.sheaves = new StripedSheaves(this, 0, slabs.runCapacity(order));
    }

    @Override
    int objectSize() {
        return (int) (Frames.SIZE << order);
    }

    @Override
    StripedSheaves sheaves() {
        return sheaves;
    }

    @Override
    long putBack(Sheaf sheaf) {
        long freed = (long) sheaf.size << order;
        large.putBack(sheaf);
        return freed;
    }

    @Override
    long room(long bytes) {
        return bytes / SHARE;
    }

    int order() {
        return order;
    }
}
