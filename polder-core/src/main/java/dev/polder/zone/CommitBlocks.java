package dev.polder.zone;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.os.PoolMemory;
import java.util.concurrent.locks.ReentrantLock;

/// The blocks of the largest order, 4 MiB, and whether there is memory of the system's behind each.
///
/// Notes
///
/// A block without memory is UNCOMMITTED in the frame table and on a stack here; its frames are
/// free ones all the same. To commit a block is to ask the system for it before a frame of it is
/// handed out, so that a refusal is a shortage here and never a signal at a user's touch. To give
/// one back is the reverse: it leaves the buddy first.
///
/// The commit lock is held over the system call, and the zone's lock is not. It comes before the
/// zone's. A block in the middle of either is counted as moving: a thread that finds no block
/// meanwhile comes for the commit lock and looks again, instead of reporting a shortage.
final class CommitBlocks {
    /// Frames of a block.
    static final int FRAMES = 1 << Frames.MAX_ORDER;
    /// Blocks given back under one hold of the commit lock: a request that needs a block waits for
    /// some milliseconds at most.
    private static final int SLICE = 4;
    /// Pieces of a block as [PoolMemory#giveBackBlocks] takes them.
    private static final int PIECES = FRAMES / (int) PoolMemory.BLOCK_FRAMES;

    /// What came of asking for a block.
    enum Outcome {
        /// There was enough, perhaps by another thread's doing.
        ENOUGH,
        /// One more block is free.
        COMMITTED,
        /// All of the pool has memory behind it.
        NONE_LEFT,
        /// The system had none.
        REFUSED
    }

    private final PoolMemory memory;
    private final FrameTable frames;
    private final Buddy buddy;
    private final ReentrantLock lock;
    private final ReentrantLock commitLock = new ReentrantLock();
    /// The blocks of a slice and their pieces; the commit lock's.
    private final int[] slice = new int[SLICE];
    private final long[] pieces = new long[SLICE * PIECES];

    // Guarded by the zone's lock.
    // free frames of the zone = those of its buddies + uncommitted + moving
    private final int[] stack;
    private int top;
    private long uncommitted;
    private long moving;

    /// All blocks of `memory`, without memory behind any.
    ///
    /// @param lock the zone's, which guards `buddy` and `frames`
    CommitBlocks(PoolMemory memory, FrameTable frames, Buddy buddy, ReentrantLock lock) {
        this.memory = memory;
        this.frames = frames;
        this.buddy = buddy;
        this.lock = lock;
        this.stack = new int[(frames.size() + FRAMES - 1) / FRAMES];
        for (int b = stack.length - 1; b >= 0; b--) {
            push(b);
        }
    }

    /// Blocks without memory behind them. Under the zone's lock, as the next two.
    int left() {
        return top;
    }

    /// Frames without memory behind them.
    long uncommitted() {
        return uncommitted;
    }

    /// Free frames that are in no buddy: without memory, or between the two states.
    long outside() {
        return uncommitted + moving;
    }

    /// Commits one more block unless by now there is a free one of `order` and at least `stock`
    /// frames are free with memory behind them. The block's frames stay counted as free meanwhile.
    Outcome commit(int order, long stock) {
        commitLock.lock();
        try {
            int block;
            lock.lock();
            try {
                if (buddy.has(order) && buddy.free() >= stock) {
                    return Outcome.ENOUGH;
                }
                if (top == 0) {
                    return Outcome.NONE_LEFT;
                }
                block = pop();
            } finally {
                lock.unlock();
            }
            return commit(block) ? Outcome.COMMITTED : Outcome.REFUSED;
        } finally {
            commitLock.unlock();
        }
    }

    /// Gives up to `wanted` free blocks back to the system, a slice of them at a time, as long as
    /// more than `keep` frames stay free with memory behind them.
    ///
    /// @return how many went back, fewer if there were no more; or the complement, `~n`, of that
    ///     number if the system refused further ones
    int giveBack(int wanted, long keep) {
        int given = 0;
        while (given < wanted) {
            int n = giveBackSlice(Math.min(SLICE, wanted - given), keep);
            if (n < 0) {
                return ~given;
            }
            if (n == 0) {
                break;
            }
            given += n;
        }
        return given;
    }

    /// How many went back, 0 if there are no more; negative if the system refused.
    private int giveBackSlice(int wanted, long keep) {
        commitLock.lock();
        try {
            int n = takeOut(wanted, keep);
            if (n == 0) {
                return 0;
            }
            boolean ok = memory.giveBackBlocks(pieces, n * PIECES);
            for (int i = 0; i < n; i++) {
                settle(slice[i], ok);
            }
            return ok ? n : -1;
        } finally {
            commitLock.unlock();
        }
    }

    /// Takes free blocks out of the buddy; how many.
    private int takeOut(int wanted, long keep) {
        int n = 0;
        lock.lock();
        try {
            while (n < wanted && buddy.free() - FRAMES >= keep) {
                int pfn = buddy.removeIdle();
                if (pfn == 0) {
                    break;
                }
                frames.mark(pfn, FrameTable.UNCOMMITTED, 0);
                moving += FRAMES;
                slice[n] = pfn / FRAMES;
                for (int i = 0; i < PIECES; i++) {
                    pieces[n * PIECES + i] = pfn + i * PoolMemory.BLOCK_FRAMES;
                }
                n++;
            }
        } finally {
            lock.unlock();
        }
        return n;
    }

    /// Ends a block's way out. Where the system refused, some of its pages may be gone: it is
    /// committed anew, which costs nothing for those that are there.
    private void settle(int block, boolean given) {
        if (!given) {
            commit(block);
            return;
        }
        lock.lock();
        try {
            moving -= FRAMES;
            push(block);
        } finally {
            lock.unlock();
        }
    }

    /// Asks the system for a moving block. Under the commit lock.
    private boolean commit(int block) {
        int from = block * FRAMES;
        int first = Math.max(from, 1);
        int to = end(block);
        boolean ok = memory.commit(from, to - from);
        lock.lock();
        try {
            moving -= to - first;
            if (ok) {
                frames.clear(first);
                buddy.giveRange(first, to);
            } else {
                push(block);
            }
        } finally {
            lock.unlock();
        }
        return ok;
    }

    private void push(int block) {
        stack[top++] = block;
        int first = Math.max(block * FRAMES, 1);
        frames.mark(first, FrameTable.UNCOMMITTED, 0);
        uncommitted += end(block) - first;
    }

    private int pop() {
        int block = stack[--top];
        int count = end(block) - Math.max(block * FRAMES, 1);
        moving += count;
        uncommitted -= count;
        return block;
    }

    /// The first frame behind the block that frame `pfn` lies in.
    int endOf(int pfn) {
        return end(pfn / FRAMES);
    }

    private int end(int block) {
        return Math.min((block + 1) * FRAMES, frames.size());
    }

    /// The blocks on the stack are marked so, and add up. Under the zone's lock.
    void verify() {
        long sum = 0;
        for (int i = 0; i < top; i++) {
            int first = Math.max(stack[i] * FRAMES, 1);
            Check.that(frames.kind(first) == FrameTable.UNCOMMITTED,
                    "a block without memory is not marked so");
            sum += end(stack[i]) - first;
        }
        Check.that(sum == uncommitted, "uncommitted frames differ from the sum of their blocks");
        Check.that(moving >= 0, "fewer than no frames are moving");
    }
}
