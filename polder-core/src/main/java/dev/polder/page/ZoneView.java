package dev.polder.page;

import dev.polder.reclaim.ReclaimZone;
import dev.polder.zone.Zone;

/// What reclaim sees of a zone.
public record ZoneView(Zone zone) implements ReclaimZone {
    @Override
    public Object frames() {
        return zone;
    }

    @Override
    public long freeFrames() {
        return zone.free();
    }

    @Override
    public long minFrames() {
        return zone.marks().min();
    }

    @Override
    public long lowFrames() {
        return zone.marks().low();
    }

    @Override
    public long highFrames() {
        return zone.marks().high();
    }

    @Override
    public boolean balanced(int order) {
        return zone.watermarkOk(order, zone.marks().high());
    }

    @Override
    public long tend(long now) {
        return zone.tend(now);
    }
}
