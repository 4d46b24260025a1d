package dev.polder.vmalloc;

import dev.polder.base.Check;
import dev.polder.debug.Findings;
import dev.polder.debug.ObjectTrack;
import dev.polder.debug.Poison;
import dev.polder.os.PoolMemory;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Debug mode of areas: a red zone from the last byte asked for to the guard frame, poison from the
/// free to the unmapping, and stacks. The list of lazily freed areas is the quarantine: none of
/// them is used again.
final class AreaDebug {
    private final MemorySegment memory;
    private final long base;
    private final Findings findings;

    AreaDebug(PoolMemory memory, Findings findings) {
        this.memory = memory.segment();
        this.base = memory.base();
        this.findings = findings;
    }

    /// An area is about to be handed out.
    void taken(VmArea area, boolean zeroed) {
        ObjectTrack track = new ObjectTrack();
        track.allocated(area.requested);
        area.track = track;
        if (!zeroed) {
            Poison.fill(memory, area.start - base, area.requested, Poison.IN_USE);
        }
        fillRed(area);
    }

    /// An area was freed; what damage was found, or null.
    @Nullable String freed(VmArea area) {
        ObjectTrack track = area.track;
        if (track != null) {
            track.freed();
        }
        String damage = checkRed(area);
        Poison.fill(memory, area.start - base, area.bytes(), Poison.FREE);
        return damage;
    }

    /// A freed area is about to be unmapped.
    void leaving(VmArea area) {
        long broken = area.track == null ? -1
                : Poison.firstBroken(memory, area.start - base, area.bytes(), Poison.FREE);
        if (broken >= 0) {
            findings.add("use after free: written at " + Check.hex(base + broken) + ", byte "
                    + (base + broken - area.start) + " of a freed " + area + ": it holds "
                    + Poison.dump(memory, broken, area.end() - base) + describe(area));
        }
    }

    /// The red zone's damage, or null; it is mended.
    @Nullable String checkRed(VmArea area) {
        long end = area.start + area.requested;
        long broken = Poison.firstBroken(memory, end - base, area.bytes() - area.requested,
                Poison.RED);
        if (broken < 0) {
            return null;
        }
        String text = "out of bounds: " + (base + broken - end) + " bytes behind the end of the "
                + area + ": the red zone holds " + Poison.dump(memory, broken, area.end() - base)
                + describe(area);
        fillRed(area);
        return text;
    }

    /// Throws if the red zone of an area in use is damaged.
    void require(@Nullable Object owner) {
        if (owner instanceof VmArea area && area.state() == VmArea.State.LIVE) {
            String damage = checkRed(area);
            if (damage != null) {
                throw findings.thrown(damage);
            }
        }
    }

    /// Who used the area, as lines after a line break.
    static String describe(VmArea area) {
        ObjectTrack track = area.track;
        return track == null ? "" : track.describe();
    }

    Findings findings() {
        return findings;
    }

    private void fillRed(VmArea area) {
        Poison.fill(memory, area.start + area.requested - base, area.bytes() - area.requested,
                Poison.RED);
    }
}
