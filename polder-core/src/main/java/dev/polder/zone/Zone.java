package dev.polder.zone;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.os.PoolMemory;
import dev.polder.task.Task;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;

/// The frames of one pool and the ways to take and give runs of them. The kernel's `struct zone`;
/// a pool is one zone.
///
/// Notes
///
/// Lock order: the commit lock, or a stripe's lock (inside [PageLists]), before the zone's lock.
/// None is held over a page request or a callback. Memory is committed in blocks of the largest
/// order, before a frame of the block can be handed out, so that the system's refusal is a shortage
/// here and never a signal at a user's touch; the commit lock alone is held over that system call,
/// so that a second thread waits for the block under way instead of reporting a shortage.
///
/// Frees by a thread inside direct reclaim pass by the lists and are counted in that thread's
/// state: that count, not a difference of free frames, is what reclaim calls progress.
public final class Zone {
    /// Frames of one commit block: the largest order, 4 MiB.
    private static final int COMMIT_FRAMES = 1 << Frames.MAX_ORDER;
    private static final VarHandle FREE = freeHandle();

    private final PoolMemory memory;
    private final FrameTable frames;
    private final Watermarks marks;
    private final PageLists lists;
    private final ReentrantLock commitLock = new ReentrantLock();
    private final ReentrantLock lock = new ReentrantLock();
    private final Buddy buddy;
    private final int[] uncommitted;
    private int uncommittedTop;
    private long uncommittedFrames;
    private long committingFrames;

    // managed = free + listed + used
    // free = buddy.free() + uncommittedFrames + committingFrames
    private final long managed;
    private long free;

    /// A zone over all frames of `memory`; frame 0 stays out, as the pool's page of zeros.
    ///
    /// @param memory the pool's memory; at least one commit block
    /// @param marks the watermarks, in frames
    /// @param stripes number of stripes of the lists, a power of two
    public Zone(PoolMemory memory, Watermarks marks, int stripes) {
        this.memory = memory;
        this.marks = marks;
        int count = Math.toIntExact(memory.frames());
        this.frames = new FrameTable(count);
        this.buddy = new Buddy(frames);
        this.lists = new PageLists(frames, stripes);
        this.managed = count - 1L;
        int blocks = (count + COMMIT_FRAMES - 1) / COMMIT_FRAMES;
        this.uncommitted = new int[blocks];
        for (int b = blocks - 1; b >= 0; b--) {
            pushUncommitted(b);
        }
        frames.mark(0, FrameTable.RESERVED, 0);
        this.free = uncommittedFrames;
        if (!commitOne(0)) {
            throw new IllegalStateException("the system refused the pool's first "
                    + COMMIT_FRAMES * Frames.SIZE + " bytes; lower the budget or free memory");
        }
        assert free == managed : "a new pool is free but for frame 0";
    }

    /// The frame table of this pool.
    public FrameTable frames() {
        return frames;
    }

    /// The watermarks.
    public Watermarks marks() {
        return marks;
    }

    /// Frames that can be handed out at all: the pool's size less frame 0.
    public long managed() {
        return managed;
    }

    /// Free frames, as the watermarks see them: those on stripes' lists are not among them.
    public long free() {
        return (long) FREE.getOpaque(this);
    }

    /// Frames on the stripes' lists.
    public long listed() {
        return lists.listed();
    }

    /// Frame that holds `address`, or -1 if it lies outside the linear map.
    public long pfnOf(long address) {
        long pfn = (address - memory.base()) >> Frames.SHIFT;
        return frames.inRange(pfn) ? pfn : -1;
    }

    /// Address of frame `pfn` in the linear map.
    public long addressOf(long pfn) {
        return memory.base() + (pfn << Frames.SHIFT);
    }

    /// rows C2 and C8: would a request of `order` leave more than `mark` frames, and is
    /// there a block for it? Memory not yet committed counts as blocks of the largest order.
    public boolean watermarkOk(int order, long mark) {
        if (free() - ((1L << order) - 1) <= mark) {
            return false;
        }
        return order == 0 || hasBlock(order);
    }

    /// Takes a run of `order` if that leaves more than `mark` frames free.
    ///
    /// @param order 0..[Frames#MAX_ORDER]
    /// @param mark the watermark to respect, already reduced (C4); negative: none
    /// @return the run's first frame, or 0
    public long take(int order, long mark) {
        if (free() - ((1L << order) - 1) <= mark) {
            return 0;
        }
        if (order < PageLists.ORDERS) {
            int pfn = lists.take(Thread.currentThread().threadId(), order);
            if (pfn != 0) {
                return pfn;
            }
        }
        do {
            int pfn = takeFromBuddy(order, mark);
            if (pfn != 0) {
                return pfn;
            }
        } while (free() - ((1L << order) - 1) > mark && commitOne(order));
        return 0;
    }

    /// Gives back a run that [#take] returned. Never blocks beyond a short internal section.
    ///
    /// @throws IllegalArgumentException if `pfn` is not the first frame of a run in use
    public void give(long pfn) {
        if (!frames.isHead(pfn)) {
            throw new IllegalArgumentException("frame " + pfn + " cannot be freed: it is "
                    + frames.describe(pfn) + "; pass what alloc returned, once");
        }
        int run = (int) pfn;
        int order = frames.order(run);
        Task task = Task.current();
        if (task.inReclaim()) {
            giveToBuddy(run, order);
            task.addReclaimed(1L << order);
        } else if (order >= PageLists.ORDERS
                || free() < marks.high()
                || !lists.give(Thread.currentThread().threadId(), run, order)) {
            giveToBuddy(run, order);
        }
    }

    /// Puts the stripes' lists back into the buddy; the number of frames that moved.
    public long drain() {
        return lists.drain(this);
    }

    /// Free blocks of each order, index 0 to [Frames#MAX_ORDER] (`buddyinfo`).
    public long[] freeBlocks() {
        long[] out = new long[Frames.MAX_ORDER + 1];
        lock.lock();
        try {
            for (int k = 0; k < out.length; k++) {
                out[k] = buddy.blocks(k);
            }
            out[Frames.MAX_ORDER] += uncommittedTop;
        } finally {
            lock.unlock();
        }
        return out;
    }

    /// Bytes that the system has not been asked for yet.
    public long uncommittedBytes() {
        lock.lock();
        try {
            return uncommittedFrames * Frames.SIZE;
        } finally {
            lock.unlock();
        }
    }

    /// Walks every invariant and throws on the first that fails.
    public void verify() {
        lists.lockAll();
        lock.lock();
        try {
            buddy.verify();
            lists.verify();
            Check.that(free == buddy.free() + uncommittedFrames + committingFrames,
                    "free frames differ from the buddy's and the uncommitted ones");
            verifyCover();
        } finally {
            lock.unlock();
            lists.unlockAll();
        }
    }

    /// Every frame belongs to exactly one block, and the blocks add up to what is managed.
    private void verifyCover() {
        long used = 0;
        long pfn = 1;
        while (pfn < frames.size()) {
            int at = (int) pfn;
            int kind = frames.kind(at);
            Check.that(kind != FrameTable.TAIL, "frame " + pfn + " belongs to no block");
            if (kind == FrameTable.UNCOMMITTED) {
                pfn = blockEnd(at / COMMIT_FRAMES);
                continue;
            }
            int order = frames.order(pfn);
            if (kind == FrameTable.USED) {
                used += 1L << order;
            }
            for (int i = 1; i < 1 << order; i++) {
                Check.that(frames.kind(at + i) == FrameTable.TAIL,
                        "frame " + (pfn + i) + " is a head inside the run at " + pfn);
            }
            pfn += 1L << order;
        }
        Check.that(managed == free + lists.listed() + used,
                "managed frames are not the sum of free, listed and used ones");
    }

    /// Frames that callers hold; exact only while nobody allocates.
    public long used() {
        return managed - free() - listed();
    }

    void giveToBuddy(int pfn, int order) {
        lock.lock();
        try {
            frames.clear(pfn);
            buddy.give(pfn, order);
            setFree(free + (1L << order));
        } finally {
            lock.unlock();
        }
    }

    private int takeFromBuddy(int order, long mark) {
        lock.lock();
        try {
            if (free - ((1L << order) - 1) <= mark) {
                return 0;
            }
            int pfn = buddy.take(order);
            if (pfn != 0) {
                setFree(free - (1L << order));
            }
            return pfn;
        } finally {
            lock.unlock();
        }
    }

    private boolean hasBlock(int order) {
        lock.lock();
        try {
            return buddy.has(order) || uncommittedTop > 0;
        } finally {
            lock.unlock();
        }
    }

    /// Commits one more block unless another thread just did so; false if there is none left or
    /// the system refused. The block's frames stay counted as free meanwhile.
    private boolean commitOne(int order) {
        commitLock.lock();
        try {
            int block;
            lock.lock();
            try {
                if (buddy.has(order)) {
                    return true;
                }
                if (uncommittedTop == 0) {
                    return false;
                }
                block = popUncommitted();
            } finally {
                lock.unlock();
            }
            return commit(block);
        } finally {
            commitLock.unlock();
        }
    }

    private boolean commit(int block) {
        int from = block * COMMIT_FRAMES;
        int first = Math.max(from, 1);
        int to = blockEnd(block);
        boolean ok = memory.commit(from, to - from);
        lock.lock();
        try {
            committingFrames = 0;
            if (ok) {
                frames.clear(first);
                buddy.giveRange(first, to);
            } else {
                pushUncommitted(block);
            }
        } finally {
            lock.unlock();
        }
        return ok;
    }

    private void pushUncommitted(int block) {
        uncommitted[uncommittedTop++] = block;
        int first = Math.max(block * COMMIT_FRAMES, 1);
        frames.mark(first, FrameTable.UNCOMMITTED, 0);
        uncommittedFrames += blockEnd(block) - first;
    }

    private int popUncommitted() {
        int block = uncommitted[--uncommittedTop];
        committingFrames = (long) blockEnd(block) - Math.max(block * COMMIT_FRAMES, 1);
        uncommittedFrames -= committingFrames;
        return block;
    }

    private int blockEnd(int block) {
        return Math.min((block + 1) * COMMIT_FRAMES, frames.size());
    }

    private void setFree(long n) {
        FREE.setOpaque(this, n);
    }

    private static VarHandle freeHandle() {
        try {
            return MethodHandles.lookup().findVarHandle(Zone.class, "free", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }
}
