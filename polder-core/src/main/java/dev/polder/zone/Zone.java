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
/// state: that count, not a difference of free frames, is what reclaim calls progress. If the
/// thread said what it needs ([Task#capture]), the first of its frees that makes such a run
/// possible gives it that run under the same lock, so that no stranger can take it between the
/// reclaim and the next attempt. It is the attempt after reclaim, made as early as it can succeed.
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
    private final HighAtomicReserve highAtomic;
    private final int[] uncommitted;
    private int uncommittedTop;
    private long uncommittedFrames;
    private long committingFrames;

    // managed = free + listed + used
    // free = buddy.free() + kept + uncommittedFrames + committingFrames
    // kept = highAtomic.free()
    private final long managed;
    private long free;
    private volatile long kept;

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
        this.highAtomic = new HighAtomicReserve(frames, buddy, managed);
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

    /// rows C2 and C8: would an ordinary request of `order` leave more than `mark` frames, and is
    /// there a block for it? Memory not yet committed counts as blocks of the largest order.
    public boolean watermarkOk(int order, long mark) {
        return passes(free(), order, mark, Access.ORDINARY) && (order == 0 || hasBlock(order));
    }

    /// Takes a run of `order` for an ordinary request if that leaves more than `mark` frames free.
    ///
    /// @param order 0..[Frames#MAX_ORDER]
    /// @param mark the watermark to respect, already reduced (C4); negative: none
    /// @return the run's first frame, or 0
    public long take(int order, long mark) {
        return take(order, mark, Access.ORDINARY);
    }

    /// Takes a run of `order` if that leaves more than `mark` frames free, as far as the request
    /// may count on them (C2).
    ///
    /// @param order 0..[Frames#MAX_ORDER]
    /// @param mark the watermark to respect, already reduced (C4); negative: none
    /// @return the run's first frame, or 0
    public long take(int order, long mark, Access access) {
        if (!passes(free(), order, mark, access)) {
            return 0;
        }
        if (order < PageLists.ORDERS) {
            int pfn = lists.take(Thread.currentThread().threadId(), order);
            if (pfn != 0) {
                keepIfAtomic(pfn, order, access);
                return pfn;
            }
        }
        do {
            int pfn = takeFromBuddy(order, mark, access);
            if (pfn != 0) {
                return pfn;
            }
        } while (passes(free(), order, mark, access) && commitOne(order));
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
            giveInReclaim(task, run, order);
        } else if (order >= PageLists.ORDERS
                || free() < marks.high() || highAtomic.holds(run)
                || !lists.give(Thread.currentThread().threadId(), run, order)) {
            giveToBuddy(run, order);
        }
    }

    /// Puts the stripes' lists back into the buddy; the number of frames that moved.
    public long drain() {
        return lists.drain(this);
    }

    /// Makes one block ordinary again of those kept for atomic requests (row C6); false if none has
    /// anything free. The last block goes only if `force` says so.
    public boolean giveBackHighAtomic(boolean force) {
        lock.lock();
        try {
            boolean given = highAtomic.giveBack(force);
            kept = highAtomic.free();
            return given;
        } finally {
            lock.unlock();
        }
    }

    /// Frames in the blocks kept for atomic requests, used ones included.
    public long highAtomicFrames() {
        lock.lock();
        try {
            return (long) highAtomic.count() << HighAtomicReserve.BLOCK_ORDER;
        } finally {
            lock.unlock();
        }
    }

    /// Free blocks of each order, index 0 to [Frames#MAX_ORDER] (`buddyinfo`).
    public long[] freeBlocks() {
        long[] out = new long[Frames.MAX_ORDER + 1];
        lock.lock();
        try {
            for (int k = 0; k < out.length; k++) {
                out[k] = (long) buddy.blocks(k) + highAtomic.blocks(k);
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
            highAtomic.verify();
            lists.verify();
            Check.that(kept == highAtomic.free(), "what is kept differs from its counter");
            Check.that(free == buddy.free() + kept + uncommittedFrames + committingFrames,
                    "free frames differ from the buddies' and the uncommitted ones");
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
            giveLocked(pfn, order);
        } finally {
            lock.unlock();
        }
    }

    /// Gives a run back and, if that makes the run possible which the thread reclaims for, keeps
    /// it for the thread.
    private void giveInReclaim(Task task, int pfn, int order) {
        lock.lock();
        try {
            int block = giveLocked(pfn, order);
            int wanted = task.captureOrder(this);
            if (wanted >= 0 && block != 0 && frames.order(block) >= wanted
                    && passes(free, wanted, task.captureMark(), Access.ORDINARY)) {
                buddy.takeFrom(block, wanted);
                setFree(free - (1L << wanted));
                task.captured(block);
            }
        } finally {
            lock.unlock();
        }
        task.addReclaimed(1L << order);
    }

    /// The first frame of the ordinary free block that the run became part of; 0 if it went to what
    /// is kept for atomic requests.
    private int giveLocked(int pfn, int order) {
        frames.clear(pfn);
        setFree(free + (1L << order));
        if (highAtomic.holds(pfn)) {
            highAtomic.give(pfn, order);
            kept = highAtomic.free();
            return 0;
        }
        return buddy.give(pfn, order);
    }

    private int takeFromBuddy(int order, long mark, Access access) {
        lock.lock();
        try {
            if (!passes(free, order, mark, access)) {
                return 0;
            }
            int pfn = access == Access.HIGH_ATOMIC ? highAtomic.take(order) : 0;
            if (pfn == 0) {
                pfn = buddy.take(order);
            }
            if (pfn != 0) {
                setFree(free - (1L << order));
                keepIfAtomic(pfn, order, access);
            }
            return pfn;
        } finally {
            lock.unlock();
        }
    }

    private void keepIfAtomic(int pfn, int order, Access access) {
        if (access == Access.HIGH_ATOMIC) {
            lock.lock();
            try {
                highAtomic.keepAround(pfn, order);
                kept = highAtomic.free();
            } finally {
                lock.unlock();
            }
        }
    }

    /// C2: strictly more than the mark must be left, without what the request may not count on.
    private boolean passes(long free, int order, long mark, Access access) {
        long unusable = (1L << order) - 1 + (access == Access.ORDINARY ? kept : 0);
        return free - unusable > mark;
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
