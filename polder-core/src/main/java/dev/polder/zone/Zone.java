package dev.polder.zone;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.os.PoolMemory;
import dev.polder.stat.VmStat;
import dev.polder.task.Task;
import dev.polder.zone.CommitBlocks.Outcome;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;

/// The frames of one pool and the ways to take and give runs of them. The kernel's `struct zone`;
/// a pool is one zone.
///
/// Notes
///
/// Lock order: the commit lock, or a stripe's lock (inside [PageLists]), before the zone's lock.
/// None is held over a page request or a callback. What memory the system has given is the business
/// of [CommitBlocks], when to ask for more and when to give some back that of [CommitBalance].
///
/// Frees by a thread inside direct reclaim pass by the lists and are counted in that thread's
/// state: that count, not a difference of free frames, is what reclaim calls progress. If the
/// thread said what it needs ([Task#capture]), the first of its frees that makes such a run
/// possible gives it that run under the same lock, so that no stranger can take it between the
/// reclaim and the next attempt. It is the attempt after reclaim, made as early as it can succeed.
public final class Zone {
    private static final VarHandle FREE = freeHandle();

    private final PoolMemory memory;
    private final FrameTable frames;
    private final Watermarks marks;
    private final PageLists lists;
    private final ReentrantLock lock = new ReentrantLock();
    private final Buddy buddy;
    private final HighAtomicReserve highAtomic;
    private final CommitBlocks blocks;
    private final CommitBalance balance;

    // managed = free + listed + used
    // free = buddy.free() + kept + blocks.outside()
    // kept = highAtomic.free()
    private final long managed;
    private long free;
    private volatile long kept;

    /// A zone that asks the system for memory when a request needs it, and keeps what it has.
    ///
    /// @param memory the pool's memory; at least one block of the largest order
    /// @param marks the watermarks, in frames
    /// @param stripes number of stripes of the lists, a power of two
    public Zone(PoolMemory memory, Watermarks marks, int stripes) {
        this(memory, marks, stripes, CommitMarks.NONE, new VmStat());
    }

    /// A zone over all frames of `memory`; frame 0 stays out, as the pool's page of zeros.
    ///
    /// @param memory the pool's memory; at least one block of the largest order
    /// @param marks the watermarks, in frames
    /// @param stripes number of stripes of the lists, a power of two
    /// @param commitMarks between which free memory of the system's is kept ([#tend])
    /// @param stat counts what is committed and given back
    public Zone(PoolMemory memory, Watermarks marks, int stripes, CommitMarks commitMarks,
            VmStat stat) {
        this.memory = memory;
        this.marks = marks;
        int count = Math.toIntExact(memory.frames());
        this.frames = new FrameTable(count);
        this.buddy = new Buddy(frames);
        this.lists = new PageLists(frames, stripes);
        this.managed = count - 1L;
        this.highAtomic = new HighAtomicReserve(frames, buddy, managed);
        this.blocks = new CommitBlocks(memory, frames, buddy, lock);
        this.balance = new CommitBalance(blocks, buddy, lock, commitMarks, managed, stat);
        frames.mark(0, FrameTable.RESERVED, 0);
        this.free = blocks.uncommitted();
        if (blocks.commit(0, 0) != Outcome.COMMITTED) {
            throw new IllegalStateException("the system refused the pool's first "
                    + CommitBlocks.FRAMES * Frames.SIZE
                    + " bytes; lower the budget or free memory");
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

    /// Whether a run of `order` would leave more than `mark` frames if `more` frames came free, of
    /// those that such a request may count on (rows C2 and D11).
    public boolean wouldPass(long more, int order, long mark, Access access) {
        return passes(free() + more, order, mark, access);
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
        } while (passes(free(), order, mark, access) && balance.commitNow(order));
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
        Task task = Task.currentIfPossible();
        if (task != null && task.inReclaim()) {
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
            out[Frames.MAX_ORDER] += blocks.left();
        } finally {
            lock.unlock();
        }
        return out;
    }

    /// Bytes that the system has not been asked for yet.
    public long uncommittedBytes() {
        lock.lock();
        try {
            return Frames.bytes(blocks.uncommitted());
        } finally {
            lock.unlock();
        }
    }

    /// Asks the system for memory ahead of need where little is ready, and gives some back that
    /// nobody has needed for a while. Background reclaim's work; makes system calls with no lock
    /// of the zone's held, and no more than some milliseconds' worth before it lets others in.
    ///
    /// @param now the pool's time
    /// @return nanoseconds after which it wants to be called again; 0: not before [#tender] is told
    public long tend(long now) {
        return balance.tend(now);
    }

    /// Runs `wake`, with no lock held, when [#tend] has something to do that it did not ask to be
    /// called for. It must neither block nor allocate from the pool.
    public void tender(Runnable wake) {
        balance.tender(wake);
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
            blocks.verify();
            Check.that(free == buddy.free() + kept + blocks.outside(),
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
                pfn = blocks.endOf(at);
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
        task.addReclaimed(this, 1L << order);
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
        int pfn;
        lock.lock();
        try {
            if (!passes(free, order, mark, access)) {
                return 0;
            }
            pfn = access == Access.HIGH_ATOMIC ? highAtomic.take(order) : 0;
            if (pfn == 0) {
                pfn = buddy.take(order);
            }
            if (pfn != 0) {
                setFree(free - (1L << order));
                keepIfAtomic(pfn, order, access);
            }
        } finally {
            lock.unlock();
        }
        balance.taken();
        return pfn;
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
            return buddy.has(order) || blocks.left() > 0;
        } finally {
            lock.unlock();
        }
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
