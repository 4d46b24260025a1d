package dev.polder.zone;

import dev.polder.base.Check;
import dev.polder.base.Frames;

/// Binary buddy allocator over the frames of one pool (Knowlton 1965; `mm/page_alloc.c`,
/// `__rmqueue` and `__free_one_page`). Guarded by the zone's lock.
///
/// Notes
///
/// A free block of order k starts at a multiple of 2^k; its buddy is the block whose number differs
/// in bit k. The free lists are doubly linked through two int arrays indexed by frame, so that a
/// buddy is unlinked in constant time and nothing is allocated. Frame 0 is never free: 0 ends a
/// list.
///
/// Two buddies may stand beside each other over the same frames ([HighAtomicReserve]): each marks
/// its blocks with a kind of its own, so that neither merges with a block of the other's, and since
/// a block is on one list at most they share the arrays of links.
final class Buddy {
    private final FrameTable frames;
    private final byte kind;
    private final int largest;
    private final int[] next;
    private final int[] prev;
    private final int[] head = new int[Frames.MAX_ORDER + 1];

    // free = sum over k of blocks[k] << k
    private final int[] blocks = new int[Frames.MAX_ORDER + 1];
    private long free;
    /// The fewest blocks of the largest order at any moment since [#watchIdle].
    private int idle;

    Buddy(FrameTable frames) {
        this.frames = frames;
        this.kind = FrameTable.FREE;
        this.largest = Frames.MAX_ORDER;
        this.next = new int[frames.size()];
        this.prev = new int[frames.size()];
    }

    /// An empty one beside `other`, whose free blocks are of `kind` and merge up to `largest`.
    Buddy(Buddy other, byte kind, int largest) {
        assert kind != other.kind : "two buddies tell their blocks apart by the kind";
        this.frames = other.frames;
        this.kind = kind;
        this.largest = largest;
        this.next = other.next;
        this.prev = other.prev;
    }

    /// Frames on the free lists.
    long free() {
        return free;
    }

    /// Blocks on the free list of `order`.
    int blocks(int order) {
        return blocks[order];
    }

    /// True if some list holds a block of at least `order` (row C8).
    boolean has(int order) {
        for (int k = order; k <= Frames.MAX_ORDER; k++) {
            if (head[k] != 0) {
                return true;
            }
        }
        return false;
    }

    /// Takes a block of `order`, splitting a larger one if need be; 0 if there is none. The block
    /// comes back marked as used.
    int take(int order) {
        for (int k = order; k <= Frames.MAX_ORDER; k++) {
            int pfn = head[k];
            if (pfn != 0) {
                takeFrom(pfn, order);
                return pfn;
            }
        }
        return 0;
    }

    /// Takes a run of `order` from the front of the free block at `pfn`, which is at least as
    /// large; the rest stays free. The run is marked as used.
    void takeFrom(int pfn, int order) {
        int k = frames.order(pfn);
        assert k >= order : "a block is split, never put together";
        unlink(pfn, k);
        while (k > order) {
            k--;
            link(pfn + (1 << k), k);
        }
        frames.mark(pfn, FrameTable.USED, order);
    }

    /// Takes the free block at `pfn` off its list, for another buddy to have.
    void remove(int pfn) {
        unlink(pfn, frames.order(pfn));
        frames.clear(pfn);
    }

    /// Blocks of the largest order that nobody has needed since [#watchIdle].
    int idle() {
        return idle;
    }

    /// Begins to watch anew.
    void watchIdle() {
        idle = blocks[Frames.MAX_ORDER];
    }

    /// Takes an idle block off its list, and does not count that as a need; 0 if there is no block
    /// of the largest order.
    int removeIdle() {
        int pfn = head[Frames.MAX_ORDER];
        if (pfn != 0) {
            int rest = Math.max(0, idle - 1);
            remove(pfn);
            idle = rest;
        }
        return pfn;
    }

    /// Gives a block back and merges it with its buddies as far as they are free; the first frame
    /// of the block that it became part of.
    int give(int pfn, int order) {
        assert (pfn & ((1 << order) - 1)) == 0 : "a block starts at a multiple of its size";
        int block = pfn;
        int k = order;
        while (k < largest) {
            int buddy = block ^ (1 << k);
            if (buddy + (1 << k) > frames.size() || !frames.is(buddy, kind, k)) {
                break;
            }
            unlink(buddy, k);
            frames.clear(buddy);
            frames.clear(block);
            block &= ~(1 << k);
            k++;
        }
        link(block, k);
        return block;
    }

    /// Adds the frames `[from, to)`, which were in no block, as the largest blocks that fit.
    void giveRange(int from, int to) {
        int pfn = from;
        while (pfn < to) {
            int order = Math.min(Integer.numberOfTrailingZeros(pfn), Frames.MAX_ORDER);
            while (pfn + (1 << order) > to) {
                order--;
            }
            give(pfn, order);
            pfn += 1 << order;
        }
    }

    /// Walks every list and compares it with the frame table and the counters.
    void verify() {
        long seen = 0;
        for (int k = 0; k <= Frames.MAX_ORDER; k++) {
            int length = 0;
            int before = 0;
            for (int pfn = head[k]; pfn != 0; pfn = next[pfn]) {
                Check.that(frames.is(pfn, kind, k), "a listed block is not marked free");
                Check.that(prev[pfn] == before, "a free list's back link is wrong");
                Check.that((pfn & ((1 << k) - 1)) == 0, "a free block is misaligned");
                Check.that(length++ < frames.size(), "a free list is a ring");
                before = pfn;
            }
            Check.that(length == blocks[k], "a free list's length differs from its counter");
            seen += (long) length << k;
        }
        Check.that(seen == free, "free frames differ from the sum of the lists");
    }

    private void link(int pfn, int order) {
        int first = head[order];
        next[pfn] = first;
        prev[pfn] = 0;
        if (first != 0) {
            prev[first] = pfn;
        }
        head[order] = pfn;
        frames.mark(pfn, kind, order);
        blocks[order]++;
        free += 1L << order;
    }

    private void unlink(int pfn, int order) {
        assert frames.is(pfn, kind, order) : "only a free block is on a list";
        int after = next[pfn];
        int before = prev[pfn];
        if (before == 0) {
            head[order] = after;
        } else {
            next[before] = after;
        }
        if (after != 0) {
            prev[after] = before;
        }
        blocks[order]--;
        free -= 1L << order;
        if (order == Frames.MAX_ORDER) {
            idle = Math.min(idle, blocks[order]);
        }
    }
}
