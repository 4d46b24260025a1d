package dev.polder.zone;

import dev.polder.base.Check;
import java.util.BitSet;

/// Blocks kept for atomic requests of an order above 0, which can neither wait nor reclaim. The
/// kernel's high-atomic page blocks (row C6). Guarded by the zone's lock.
///
/// Notes
///
/// Nothing is kept until such a request was served in the slow path; then the block around the run
/// is, with what is free in it now and what is given back to it later. About a hundredth of the
/// pool at most; a pool of which a hundredth is less than a block keeps none, as in the kernel.
final class HighAtomicReserve {
    /// Order of a block: 256 KiB. The kernel keeps its page blocks of 2 MiB, the unit of its
    /// mobility types; there are none here, and a smaller unit serves smaller pools.
    static final int BLOCK_ORDER = 6;
    /// The pool's share that may be kept, as in the kernel.
    private static final int SHARE = 100;

    private static final int BLOCK_FRAMES = 1 << BLOCK_ORDER;

    private final FrameTable frames;
    private final Buddy ordinary;
    private final Buddy kept;
    private final BitSet blocks;
    private final int maxBlocks;
    private int count;

    /// An empty reserve of a zone of `managed` frames.
    HighAtomicReserve(FrameTable frames, Buddy ordinary, long managed) {
        this.frames = frames;
        this.ordinary = ordinary;
        this.kept = new Buddy(ordinary, FrameTable.FREE_HIGH_ATOMIC, BLOCK_ORDER);
        // As large as it can become: [#holds] is also asked without the lock, for a hint.
        this.blocks = new BitSet(frames.size() >> BLOCK_ORDER);
        this.maxBlocks = maxBlocks(managed);
    }

    private static int maxBlocks(long managed) {
        long share = managed / SHARE;
        return share < BLOCK_FRAMES ? 0 : (int) ((share + BLOCK_FRAMES - 1) / BLOCK_FRAMES);
    }

    /// Blocks that are kept.
    int count() {
        return count;
    }

    /// Free frames in them.
    long free() {
        return kept.free();
    }

    /// Free blocks of `order` in them.
    int blocks(int order) {
        return kept.blocks(order);
    }

    /// True if frame `pfn` lies in a block that is kept; without the lock a hint.
    boolean holds(int pfn) {
        return count != 0 && blocks.get(pfn >> BLOCK_ORDER);
    }

    /// Takes a run of `order` from what is kept; 0 if there is none.
    int take(int order) {
        return order > BLOCK_ORDER ? 0 : kept.take(order);
    }

    /// Gives back a run that lies in a block that is kept.
    void give(int pfn, int order) {
        kept.give(pfn, order);
    }

    /// Keeps the block around a run that an atomic request got, unless enough is kept already.
    void keepAround(int pfn, int order) {
        if (count >= maxBlocks || order > BLOCK_ORDER || holds(pfn)) {
            return;
        }
        int block = pfn >> BLOCK_ORDER;
        blocks.set(block);
        count++;
        move(block, FrameTable.FREE, ordinary, kept);
    }

    /// Makes one block ordinary again that has something free; false if there is none. The last
    /// block goes only if `force` says so.
    boolean giveBack(boolean force) {
        if (count == 0 || (!force && count == 1)) {
            return false;
        }
        for (int b = blocks.nextSetBit(0); b >= 0; b = blocks.nextSetBit(b + 1)) {
            long before = kept.free();
            move(b, FrameTable.FREE_HIGH_ATOMIC, kept, ordinary);
            if (kept.free() != before) {
                blocks.clear(b);
                count--;
                return true;
            }
        }
        return false;
    }

    /// Moves what is free in a block from one buddy to the other.
    private void move(int block, byte kind, Buddy from, Buddy to) {
        int pfn = Math.max(block << BLOCK_ORDER, 1);
        int end = Math.min((block + 1) << BLOCK_ORDER, frames.size());
        while (pfn < end) {
            int order = frames.order(pfn);
            if (frames.is(pfn, kind, order)) {
                from.remove(pfn);
                to.give(pfn, order);
                pfn += 1 << order;
            } else {
                pfn++;
            }
        }
    }

    void verify() {
        kept.verify();
        Check.that(count == blocks.cardinality(), "kept blocks differ from their counter");
        Check.that(count <= maxBlocks, "more is kept for atomic requests than may be");
        for (int pfn = 1; pfn < frames.size(); pfn++) {
            byte kind = frames.kind(pfn);
            Check.that(kind != FrameTable.FREE_HIGH_ATOMIC || holds(pfn),
                    "a block is kept for atomic requests outside the blocks that are");
            Check.that(kind != FrameTable.FREE || !holds(pfn),
                    "an ordinary free block lies in a block kept for atomic requests");
        }
    }
}
