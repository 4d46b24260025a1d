package dev.polder.model;

import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Frames and marks as rows C2 to C8 have them: a set of used frames, and which blocks of 64 are
/// kept for atomic requests.
///
/// Where a run lies is the real allocator's own choice; the model is told, and checks that the
/// frames were free and open to such a request. Which kept block is given back first is the
/// model's convention: the lowest that has something free.
final class ModelFrames {
    /// What a request may count on and take (C2, C5, C6).
    enum Reach { ORDINARY, RESERVES, ATOMIC }

    /// A run that was taken, and the group that pays for it, or -1.
    record Placed(int pfn, int order, int payer) implements Held {
    }

    private static final int KEPT_ORDER = 6;
    private static final int KEPT_FRAMES = 1 << KEPT_ORDER;
    /// Frames that the lists near a thread hold at most: 32 of each of four orders.
    private static final int MOST_SCATTERED = 128;

    private final Set<Mistake> mistakes;
    private final int frames;
    private final int mostKept;
    private final BitSet used = new BitSet();
    private final BitSet keptBlocks = new BitSet();
    private Deque<Told.Run> places = new ArrayDeque<>();
    private boolean scattered;
    private boolean another;
    private long given;
    private long taken;

    // What a reclaiming request wants to have kept for it, and what it got.
    private int wanted = -1;
    private long wantedMark;
    private @Nullable Placed captured;
    private @Nullable Placed ready;

    ModelFrames(int frames, Set<Mistake> mistakes) {
        this.frames = frames;
        this.mistakes = mistakes;
        int share = (frames - 1) / 100;
        int most = share < KEPT_FRAMES ? 0 : (share + KEPT_FRAMES - 1) / KEPT_FRAMES;
        this.mostKept = mistakes.contains(Mistake.KEPT_WITHOUT_LIMIT) ? frames : most;
        used.set(0);
    }

    /// The runs that the real allocator chose in the step that begins, in order.
    void places(List<Told.Run> placed) {
        places = new ArrayDeque<>(placed);
        scattered = false;
    }

    /// Frames given back so far less those handed out: what a thread in reclaim has got back shows
    /// as a difference.
    long returned() {
        return given - taken;
    }

    /// Whether another thread runs now: what it frees is not kept for who reclaims.
    void anotherThread(boolean yes) {
        another = yes && !mistakes.contains(Mistake.ANOTHERS_FREE_CAPTURED);
    }

    /// Whether some of what is free may lie on the lists near threads, where frees outside reclaim
    /// go: not in the larger block that it would complete. For one attempt (H9) that is a block
    /// less.
    void scattered(boolean yes) {
        scattered = yes;
    }

    /// Ends the comparison if a request of `order` could be short by what lies scattered: that does
    /// not count as free.
    void requireSure(int order, long mark) {
        if (scattered && free() - MOST_SCATTERED - (1L << order) <= mark) {
            throw new Unsure();
        }
    }

    /// Whether the real allocator did without a block of `order` that may lie scattered.
    boolean goesElsewhere(int order) {
        Told.Run next = scattered ? places.peek() : null;
        return scattered && (next == null || next.order() != order);
    }

    long free() {
        return (long) frames - used.cardinality();
    }

    /// Frames in blocks kept for atomic requests.
    long kept() {
        return (long) keptBlocks.cardinality() << KEPT_ORDER;
    }

    private long keptFree() {
        long free = 0;
        for (int b = keptBlocks.nextSetBit(0); b >= 0; b = keptBlocks.nextSetBit(b + 1)) {
            free += KEPT_FRAMES - used.get(b << KEPT_ORDER, (b + 1) << KEPT_ORDER).cardinality();
        }
        return free;
    }

    /// Frames that a request of `order` would leave, as far as it may count on them (C2).
    long left(long free, int order, Reach reach) {
        boolean counts = reach != Reach.ORDINARY || mistakes.contains(Mistake.KEPT_COUNTS_FOR_ALL);
        return free - ((1L << order) - 1) - (counts ? 0 : keptFree());
    }

    /// C2 and C8; a mark below 0 is none.
    boolean passes(int order, long mark, Reach reach) {
        long left = left(free(), order, reach);
        boolean enough = mistakes.contains(Mistake.MARK_NOT_STRICT) ? left >= mark : left > mark;
        return enough && left > 0 && hasBlock(order, reach);
    }

    private boolean hasBlock(int order, Reach reach) {
        for (int at = used.nextClearBit(0); at < frames;) {
            int start = at & -(1 << order);
            start = start < at ? start + (1 << order) : start;
            if (start + (1 << order) > frames) {
                return false;
            }
            if (isOpen(start, order, reach)) {
                return true;
            }
            at = used.nextClearBit(start + (isFree(start, order) ? 1 << order : 1));
        }
        return false;
    }

    private boolean isFree(int pfn, int order) {
        int next = used.nextSetBit(pfn);
        return next < 0 || next >= pfn + (1 << order);
    }

    /// A free block that such a request may have. Blocks that are kept do not merge with others.
    private boolean isOpen(int pfn, int order, Reach reach) {
        boolean mayTakeKept = reach == Reach.ATOMIC || (reach == Reach.RESERVES
                && mistakes.contains(Mistake.KEPT_FOR_ALL_WHO_MAY_NOT_BLOCK));
        int kept = keptBlocks.nextSetBit(pfn >> KEPT_ORDER);
        boolean touchesKept = kept >= 0 && kept << KEPT_ORDER < pfn + (1 << order);
        return isFree(pfn, order) && (!touchesKept || (mayTakeKept && order <= KEPT_ORDER));
    }

    /// Takes the run that the real allocator took for a request served now.
    Placed place(int order, Reach reach, int payer) {
        Placed mine = ready;
        ready = null;
        if (mine != null) {
            return new Placed(mine.pfn, order, payer);
        }
        taken += 1L << order;
        return mark(places.remove(), order, reach, payer);
    }

    private Placed mark(Told.Run told, int order, Reach reach, int payer) {
        int pfn = told.pfn();
        if (told.order() != order || pfn % (1 << order) != 0 || !isOpen(pfn, order, reach)) {
            throw new AssertionError("run " + pfn + " of order " + order
                    + " was not free for such a request");
        }
        used.set(pfn, pfn + (1 << order));
        if (reach == Reach.ATOMIC) {
            keepAround(pfn, order);
        }
        return new Placed(pfn, order, payer);
    }

    /// C6: the block around what an atomic request got is kept from then on.
    private void keepAround(int pfn, int order) {
        if (order <= KEPT_ORDER && keptBlocks.cardinality() < mostKept
                && !mistakes.contains(Mistake.NOTHING_KEPT)) {
            keptBlocks.set(pfn >> KEPT_ORDER);
        }
    }

    /// C6: one block is ordinary again, the last only by force; false if none has anything free.
    boolean giveBack(boolean force) {
        boolean last = keptBlocks.cardinality() <= 1
                && !mistakes.contains(Mistake.LAST_KEPT_GIVEN_BACK_AT_ONCE);
        if (mistakes.contains(Mistake.KEPT_NEVER_GIVEN_BACK) || (last && !force)) {
            return false;
        }
        for (int b = keptBlocks.nextSetBit(0); b >= 0; b = keptBlocks.nextSetBit(b + 1)) {
            int next = used.nextClearBit(b << KEPT_ORDER);
            if (next < (b + 1) << KEPT_ORDER) {
                keptBlocks.clear(b);
                return true;
            }
        }
        return false;
    }

    /// From now on the first run of `order` that frees make possible above `mark` is kept for the
    /// request that reclaims (ADR 0010): it is the next that no consumer asked for.
    void capture(int order, long mark) {
        wanted = order;
        wantedMark = mark;
    }

    /// Whether a run was kept for the request; it is the next that is placed.
    boolean endCapture() {
        wanted = -1;
        ready = captured;
        captured = null;
        return ready != null;
    }

    void give(Placed run) {
        used.clear(run.pfn, run.pfn + (1 << run.order));
        given += 1L << run.order;
        if (wanted >= 0 && !another && captured == null && keepsForRequest(run)) {
            Told.Run mine = places.stream().filter(r -> !r.inCallback()).findFirst().orElseThrow();
            places.removeFirstOccurrence(mine);
            captured = mark(mine, wanted, Reach.ORDINARY, -1);
        }
    }

    /// The block that the run became part of is large enough, and leaves enough.
    private boolean keepsForRequest(Placed run) {
        int order = Math.max(run.order, wanted);
        int block = run.pfn & -(1 << order);
        return block + (1 << order) <= frames && isOpen(block, order, Reach.ORDINARY)
                && left(free(), wanted, Reach.ORDINARY) > wantedMark;
    }
}
