package dev.polder.vmalloc;

import dev.polder.shrink.InternalReclaimer;

/// Gives lazily freed areas back before any consumer is asked.
final class LazyAreaReclaimer implements InternalReclaimer {
    private final Vmalloc vmalloc;

    LazyAreaReclaimer(Vmalloc vmalloc) {
        this.vmalloc = vmalloc;
    }

    @Override
    public Phase phase() {
        return Phase.BEFORE_CONSUMERS;
    }

    @Override
    public String name() {
        return "vmalloc-lazy";
    }

    @Override
    public long reclaimableFrames() {
        return vmalloc.lazyFrames();
    }

    @Override
    public long excessFrames() {
        return vmalloc.lazyExcess();
    }

    @Override
    public long reclaim(long wantFrames) {
        return vmalloc.purge(wantFrames);
    }
}
