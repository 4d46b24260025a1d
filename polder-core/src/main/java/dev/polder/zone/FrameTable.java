package dev.polder.zone;

import dev.polder.base.Frames;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What each frame of the pool is just now, and whose. The kernel's `struct page` array
/// (`mem_map`).
///
/// Notes
///
/// One byte holds the frame's kind (high four bits) and, at the head of a run, the run's order (low
/// four bits). Only heads carry a kind; the frames behind a head are [#TAIL]. The head of a free
/// block and of a listed one is written under the lock of the structure that holds it, the head of
/// a used run by the thread that owns the run, so plain access suffices: whoever hands a run over
/// does so through a lock. A wrong address may read a byte that somebody else is changing; the
/// answer is then one of the two values, both of which refuse a wrong free.
///
/// The owner is opaque: a slab, a vmalloc area, a marker for a large object. It lets
/// `kvfree(address)` find the layer above without this one knowing its types. Whoever sets the
/// owner of more frames than the head clears them again before the run is freed.
public final class FrameTable {
    /// Not the head of anything.
    public static final byte TAIL = 0;
    /// Head of a block on a free list of the buddy.
    static final byte FREE = 0x10;
    /// Head of a free block that is kept for atomic requests of an order above 0.
    static final byte FREE_HIGH_ATOMIC = 0x60;
    /// Head of a run that a caller holds.
    static final byte USED = 0x20;
    /// Head of a run on a per-stripe list.
    static final byte LISTED = 0x30;
    /// Never handed out: frame 0, the pool's page of zeros.
    static final byte RESERVED = 0x40;
    /// Head of a commit block whose frames have no memory behind them yet.
    static final byte UNCOMMITTED = 0x50;

    private static final int ORDER_MASK = 0x0f;
    private static final int KIND_MASK = 0xf0;

    private final byte[] state;
    private final @Nullable Object[] owner;

    /// A table for `frames` frames, all of them tails.
    FrameTable(int frames) {
        this.state = new byte[frames];
        this.owner = new Object[frames];
        assert Frames.MAX_ORDER <= ORDER_MASK : "the order must fit its four bits";
    }

    /// Number of frames, frame 0 included.
    public int size() {
        return state.length;
    }

    /// True if `pfn` is the first frame of a run that a caller holds.
    public boolean isHead(long pfn) {
        return inRange(pfn) && kind((int) pfn) == USED;
    }

    /// Order of the run whose head is `pfn`; meaningful at heads only.
    public int order(long pfn) {
        return state[(int) pfn] & ORDER_MASK;
    }

    /// Owner recorded for frame `pfn`, or null.
    public @Nullable Object owner(long pfn) {
        return owner[(int) pfn];
    }

    /// Records `o` as the owner of `count` frames from `pfn` on; null clears.
    public void owner(long pfn, long count, @Nullable Object o) {
        if (count == 1) {
            owner[(int) pfn] = o;
        } else {
            Arrays.fill(owner, (int) pfn, (int) (pfn + count), o);
        }
    }

    /// True if `pfn` names a frame of this pool.
    public boolean inRange(long pfn) {
        return pfn >= 0 && pfn < state.length;
    }

    /// What the frame is, for people: "used, order 3", "free, order 0", "inside a run", …
    public String describe(long pfn) {
        if (!inRange(pfn)) {
            return "no frame of this pool (0.." + (state.length - 1) + ")";
        }
        return switch (kind((int) pfn)) {
            case USED -> "used, order " + order(pfn);
            case FREE -> "free, order " + order(pfn);
            case FREE_HIGH_ATOMIC -> "free, kept for atomic requests, order " + order(pfn);
            case LISTED -> "free, on a stripe's list, order " + order(pfn);
            case RESERVED -> "the pool's own page of zeros";
            case UNCOMMITTED -> "free, not yet backed by memory";
            default -> "not the first frame of a run";
        };
    }

    byte kind(int pfn) {
        return (byte) (state[pfn] & KIND_MASK);
    }

    void mark(int pfn, byte kind, int order) {
        state[pfn] = (byte) (kind | order);
    }

    void clear(int pfn) {
        state[pfn] = TAIL;
    }

    /// True if `pfn` is the head of a block of exactly this kind and order: what a buddy asks of
    /// its twin.
    boolean is(int pfn, byte kind, int order) {
        return state[pfn] == (byte) (kind | order);
    }
}
