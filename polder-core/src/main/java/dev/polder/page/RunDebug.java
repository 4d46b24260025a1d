package dev.polder.page;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.Findings;
import dev.polder.debug.ObjectTrack;
import dev.polder.debug.Poison;
import dev.polder.zone.FrameTable;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What debug mode knows of the runs that programs take from the page allocator themselves: who
/// took and who gave back each, and that nobody has written to it since. The kernel's `page_owner`
/// and `page_poison`.
///
/// Notes
///
/// A run that is given back is filled with a pattern. Each of its frames is looked at when it is
/// handed out again, whatever for, and by [#verify]. A run is whole frames with strangers on both
/// sides: there is no room for red zones.
///
/// A frame's track belongs to whoever holds the frame; the zone's lock hands it over.
final class RunDebug {
    private final FrameTable frames;
    private final MemorySegment all;
    private final Findings findings;
    /// At the head of a run in use its track; at each frame of a free one that of its last use.
    private final @Nullable ObjectTrack[] tracks;

    RunDebug(FrameTable frames, MemorySegment all, Findings findings) {
        this.frames = frames;
        this.all = all;
        this.findings = findings;
        this.tracks = new ObjectTrack[frames.size()];
    }

    /// A run is handed out; looks whether its frames are as they were left.
    void taken(Role role, long run, int order) {
        for (long pfn = run; pfn < run + (1L << order); pfn++) {
            String damage = damage(pfn);
            tracks[(int) pfn] = null;
            if (damage != null) {
                // The current thread has not done it.
                findings.add(damage);
            }
        }
        if (role == Role.DIRECT) {
            ObjectTrack track = new ObjectTrack();
            track.allocated(Frames.SIZE << order);
            tracks[(int) run] = track;
        }
    }

    /// A run is about to be given back, which its taker holds still.
    void freed(long run, int order) {
        ObjectTrack track = tracks[(int) run];
        if (track == null) {
            return;
        }
        track.freed();
        Poison.fill(all, Frames.bytes(run), Frames.SIZE << order, Poison.FREE);
        for (long pfn = run; pfn < run + (1L << order); pfn++) {
            tracks[(int) pfn] = track;
        }
    }

    /// Who took and gave back the run that the frame belongs to or belonged to, as lines.
    String describe(long pfn) {
        ObjectTrack track = frames.inRange(pfn) ? tracks[(int) pfn] : null;
        return track == null ? "" : track.describe();
    }

    /// Shows the taker of each run in use.
    void forEachTrack(Consumer<ObjectTrack> visitor) {
        for (ObjectTrack track : tracks) {
            if (track != null && !track.isFreed()) {
                visitor.accept(track);
            }
        }
    }

    /// Looks at every free frame. Only while nobody takes or gives.
    void verify() {
        for (long pfn = 1; pfn < tracks.length; pfn++) {
            String damage = damage(pfn);
            if (damage != null) {
                Poison.fill(all, Frames.bytes(pfn), Frames.SIZE, Poison.FREE);
                throw findings.thrown(damage);
            }
        }
    }

    private @Nullable String damage(long pfn) {
        ObjectTrack track = tracks[(int) pfn];
        if (track == null || !track.isFreed()) {
            return null;
        }
        long start = Frames.bytes(pfn);
        long broken = Poison.firstBroken(all, start, Frames.SIZE, Poison.FREE);
        return broken < 0 ? null : "use after free: byte " + (broken - start) + " of a free frame, "
                + "at " + Check.hex(all.address() + broken) + ", of a run of " + track.requested()
                + " bytes was written: it holds " + Poison.dump(all, broken, start + Frames.SIZE)
                + track.describe();
    }
}
