package dev.polder.page;

import dev.polder.shrink.InternalReclaimer;
import dev.polder.zone.Zone;

/// Gives the frames on the stripes' lists back to the buddy before any consumer is asked
/// (`drain_all_pages`).
record PageListReclaimer(Zone zone) implements InternalReclaimer {
    @Override
    public Phase phase() {
        return Phase.BEFORE_CONSUMERS;
    }

    @Override
    public String name() {
        return "page-lists";
    }

    @Override
    public long reclaimableFrames() {
        return zone.listed();
    }

    @Override
    public long reclaim(long wantFrames) {
        return zone.drain();
    }
}
