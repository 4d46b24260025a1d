package dev.polder.vmalloc;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.ObjectTrack;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// One area of vmalloc space: its data frames and, behind them, one guard frame. The kernel's
/// `vm_struct`.
///
/// The frame table names the area as the owner of each of its data frames. Which frames those are
/// only the page table tells.
final class VmArea {
    /*
     * Notes. BUILDING and PURGING belong to one thread. LIVE belongs to the caller; who wins the
     * step LIVE -> LAZY is the one that freed it, and a loser freed it twice. LAZY belongs to the
     * list of lazily freed areas, whose lock hands the area on to an allocation (LIVE again) or to
     * a purge. The other fields are written by the thread that owns the area in that state.
     */

    /// Where an area is in its life.
    enum State {
        /// Its frames are being taken and mapped.
        BUILDING,
        /// A caller has its address.
        LIVE,
        /// Freed; mapping and frames are kept for re-use.
        LAZY,
        /// Being unmapped.
        PURGING
    }

    /// First address; in portable mode, in the linear map.
    final long start;
    /// Data frames, the guard not counted.
    final long pages;
    /// What the caller asked for: `1 <= requested <= pages * 4096`.
    long requested;
    /// Mappings reserved for it: its pieces, and the covered part behind it.
    int mappings;
    /// True if a memory group pays for its frames.
    boolean charged;
    /// False for an area that is lazy only because it could not be unmapped when its making failed.
    boolean reusable = true;

    /// What watches it, and what that noted; null unless debug mode is on.
    @Nullable AreaDebug debug;
    @Nullable ObjectTrack track;

    // Links of LazyAreas, under its lock.
    @Nullable VmArea older;
    @Nullable VmArea newer;
    @Nullable VmArea sameSizeOlder;
    @Nullable VmArea sameSizeNewer;

    private final AtomicReference<State> state = new AtomicReference<>(State.BUILDING);

    VmArea(long start, long pages, long requested) {
        assert pages >= 1 && Frames.count(requested) == pages : pages + " pages for " + requested;
        this.start = start;
        this.pages = pages;
        this.requested = requested;
    }

    State state() {
        return state.get();
    }

    boolean step(State from, State to) {
        return state.compareAndSet(from, to);
    }

    void mustStep(State from, State to) {
        if (!step(from, to)) {
            throw Check.broken(this + " is " + state.get() + ", expected " + from);
        }
    }

    long bytes() {
        return Frames.bytes(pages);
    }

    /// First address after the data frames: that of the guard.
    long end() {
        return start + bytes();
    }

    @Override
    public String toString() {
        return "vmalloc area of " + requested + " bytes at " + Check.hex(start);
    }
}
