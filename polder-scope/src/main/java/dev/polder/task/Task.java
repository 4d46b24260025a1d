package dev.polder.task;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// One thread's state as far as memory cares (the kernel's `task_struct`).
///
/// There is exactly one per thread, platform or virtual; it is found without a thread-local lookup
/// on platform threads. Everything here is for the owner thread, unless it says otherwise.
public final class Task extends ScopeStack {
    /*
     * The table. TABLE[id & MASK] is a cache in front of a ThreadLocal: a hit is
     * `slot.refersTo(me)`. A thread's task may stand in one of two slots (its id, and its id
     * multiplied); who finds both taken by live others uses the ThreadLocal each time. A slot keeps
     * its first owner while that one lives: moving in would only trade one thread's speed for
     * another's. Virtual threads look but never write: they are many and short, and draw ids from
     * the same counter, so they would push every platform thread out.
     *
     * Memory order. The slots are read plainly and without any order, which is sound because a hit
     * proves itself: the referent of a task is written once, by its own thread, in the constructor,
     * before that thread stores the task anywhere. So a thread that reads a slot and finds itself
     * as the referent reads its own earlier writes, in program order. A thread that reads another's
     * task sees as referent either that other thread or, when the store was not ordered, null;
     * neither is itself, so it misses and goes the slow way. Slots hold only sound references (Java
     * has no torn ones). The slow way decides about replacing an owner it sees as dead: a wrong
     * "dead" would cost that owner its slot, so it reads with acquire what was stored with release.
     * Slots are written by compare-and-set, so that clearing one after its owner died cannot clear
     * a successor.
     *
     * Weak owners. A task refers to its thread weakly, the table and the reaper to the task
     * strongly: a dead thread can be collected, its task goes when the reaper has looked at it. A
     * cleared referent counts as dead, because the JVM keeps live platform threads reachable, and a
     * virtual thread that nothing refers to can never run again.
     *
     * Erased thread-locals. Some fork-join workers, those of the common pool among them, lose their
     * thread-locals between two of their tasks. One without a slot must not get a second task then:
     * what pools keep near threads would hear nothing of it, and a scope that leaked would be gone.
     * So a task that finds no slot when it is made is remembered besides ([UnsettledTasks]).
     *
     * Comparing ids would be cheaper, but before Java 19 a subclass may override its id.
     */

    /// Inside: allocations lose FS (PF_MEMALLOC_NOFS).
    public static final int NOFS = 1;

    /// Inside: allocations lose IO and FS (PF_MEMALLOC_NOIO).
    public static final int NOIO = 2;

    /// Inside: no direct reclaim, and the reserve may be used (PF_MEMALLOC).
    public static final int NORECLAIM = 4;

    /// Slots: four times the platform threads of a large server; 4 KiB of references.
    static final int SLOTS = 1024;

    private static final int MASK = SLOTS - 1;

    /// 2^64 divided by the golden ratio: spreads neighbouring ids over the second way.
    private static final long SPREAD = 0x9E3779B97F4A7C15L;

    private static final int SPREAD_SHIFT = Long.numberOfLeadingZeros(MASK);

    /// Slow look-ups between two attempts of a thread to get a slot: its rivals live long, and
    /// asking whether they do costs more than the look-up.
    private static final int PATIENCE = 64;

    private static final PoolState[] NO_POOLS = {};

    /// What is left of a patience that is used up: not 0, which is for ever.
    private static final long OUT_OF_PATIENCE = 1;

    private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Task[].class);

    /// Stands in empty slots, so that the fast path needs no null test; it has no owner.
    private static final Task VACANT = new Task(null, 0L, false);

    private static final Task[] TABLE = vacantTable();

    // Virtual threads in reclaim or in a group. One that ends there stays counted: the others then
    // go the slow way, which is right too.
    private static final AtomicInteger VIRTUAL_APART = new AtomicInteger();

    /// Package-private for tests that erase it.
    static final ThreadLocal<Task> LOCAL = new ThreadLocal<>();

    private final long threadId;
    private final boolean virtual;
    private final String name;

    private int slowLookups;
    private boolean inReclaim;
    private @Nullable Object reclaimFrom;
    private long reclaimed;
    private long patienceNanos;
    /// The patience of the request that the thread reclaims for, while it does.
    private long outerPatienceNanos;
    private @Nullable Object captureFrom;
    private int captureOrder;
    private long captureMark;
    private long captured;
    private final FailedRequest failedRequest = new FailedRequest();
    /// Of the requests that consumers make on this thread while it reclaims.
    private final FailedRequest failedInReclaim = new FailedRequest();
    private @Nullable Object group;
    private @Nullable CarriedScopes carried;
    private @Nullable PoolState[] pools = NO_POOLS;

    // FsReclaim's held masks, while a tracker is installed.
    private int[] heldMasks = {};
    private int heldCount;

    // The reaper's own notes about this thread; guarded by the reaper's lock.
    long seenSerial;
    long seenNanos;
    boolean toldTooLong;

    private Task(@Nullable Thread owner, long threadId, boolean virtual) {
        super(owner);
        this.threadId = threadId;
        this.virtual = virtual;
        this.name = owner == null ? "" : owner.getName();
    }

    /// The task of the current thread; made when the thread first asks.
    public static Task current() {
        Thread me = Thread.currentThread();
        Task task = TABLE[(int) ThreadKind.id(me) & MASK];
        return task.refersTo(me) ? task : second(me);
    }

    /// The same, for what must not fail: null if the thread has none yet, and the Java heap no room
    /// for one.
    public static @Nullable Task currentIfPossible() {
        try {
            return current();
        } catch (OutOfMemoryError e) {
            return null;
        }
    }

    /// Whether the current thread is in direct reclaim. Does not fail.
    public static boolean currentInReclaim() {
        Task task = currentIfPossible();
        return task != null && task.inReclaim;
    }

    private static Task second(Thread me) {
        Task task = TABLE[secondWay(ThreadKind.id(me))];
        return task.refersTo(me) ? task : slow(me);
    }

    static int secondWay(long id) {
        return (int) ((id * SPREAD) >>> SPREAD_SHIFT);
    }

    private static Task slow(Thread me) {
        Task task = LOCAL.get();
        if (task == null) {
            task = madeOnce(me);
            LOCAL.set(task);
        } else if (!task.virtual && ++task.slowLookups % PATIENCE == 0) {
            task.settle();
        }
        return task;
    }

    /// A new task for a thread, unless it had one before its thread-locals were erased.
    private static Task madeOnce(Thread me) {
        long id = ThreadKind.id(me);
        if (ThreadKind.isVirtual(me)) {
            return new Task(me, id, true);
        }
        Task before = UnsettledTasks.find(me, id);
        if (before != null) {
            return before;
        }
        Task task = new Task(me, id, false);
        if (!task.settle()) {
            UnsettledTasks.add(task);
        }
        return task;
    }

    /// Moves into one of its slots unless live owners have both.
    private boolean settle() {
        return settle(this, (int) threadId & MASK) || settle(this, secondWay(threadId));
    }

    private static boolean settle(Task task, int index) {
        Task holder = (Task) SLOT.getAcquire(TABLE, index);
        return holder.ended() && SLOT.compareAndSet(TABLE, index, holder, task);
    }

    /// Empties the slots of a dead thread's task. Called by the reaper.
    static void vacate(Task dead) {
        SLOT.compareAndSet(TABLE, (int) dead.threadId & MASK, dead, VACANT);
        SLOT.compareAndSet(TABLE, secondWay(dead.threadId), dead, VACANT);
    }

    /// Whether the task stands in one of its slots.
    boolean settled() {
        return TABLE[(int) threadId & MASK] == this || TABLE[secondWay(threadId)] == this;
    }

    private static Task[] vacantTable() {
        Task[] table = new Task[SLOTS];
        Arrays.fill(table, VACANT);
        return table;
    }

    // ---- direct reclaim -------------------------------------------------------------------------

    /// Whether the thread is in direct reclaim.
    public boolean inReclaim() {
        return inReclaim;
    }

    /// Enters direct reclaim in which frees count whatever they are of.
    ///
    /// @throws IllegalStateException when the thread is in reclaim already (rule R3)
    public int enterReclaim() {
        return enterReclaim(null);
    }

    /// Enters direct reclaim: sets NORECLAIM for its duration (B9); returns the token for
    /// `leaveReclaim`. What consumers ask for on this thread meanwhile are requests of their own:
    /// the patience of the one that reclaims, and its failures, are put aside.
    ///
    /// @param from whose frames are reclaimed, as [#addReclaimed(Object, long)] is told; null: all
    /// @throws IllegalStateException when the thread is in reclaim already (rule R3)
    public int enterReclaim(@Nullable Object from) {
        if (inReclaim) {
            throw new IllegalStateException(
                    "thread " + name + " enters reclaim from inside reclaim (rule R3)");
        }
        inReclaim = true;
        reclaimFrom = from;
        outerPatienceNanos = patienceNanos;
        patienceNanos = 0;
        failedInReclaim.clear();
        tellPools(group != null);
        return saveFlags(NORECLAIM);
    }

    /// Leaves direct reclaim.
    public void leaveReclaim(int token) {
        if (!inReclaim) {
            throw new IllegalStateException("thread " + name + " is not in reclaim");
        }
        inReclaim = false;
        reclaimFrom = null;
        patienceNanos = outerPatienceNanos;
        tellPools(group != null);
        restoreFlags(token);
    }

    /// Adds frames that this thread gave back to `from`, if it reclaims for that: a consumer may
    /// free what it has of another pool, which is no progress for this one. Called on every free
    /// while `inReclaim()`, and with a negative number on every allocation.
    public void addReclaimed(Object from, long frames) {
        if (reclaimFrom == null || reclaimFrom == from) {
            addReclaimed(frames);
        }
    }

    /// Adds frames that this thread gave back, whatever they are of (the kernel's reclaim_state).
    public void addReclaimed(long frames) {
        reclaimed += frames;
    }

    /// Running total of `addReclaimed`; callers take differences.
    public long reclaimed() {
        return reclaimed;
    }

    /// Says what this thread needs, so that a zone may keep for it the first run that its own frees
    /// in reclaim make possible (the kernel's `capture_control`).
    ///
    /// @param from the zone that is to keep it
    /// @param order the run's order
    /// @param mark frames that must be left free besides
    public void capture(Object from, int order, long mark) {
        captureFrom = from;
        captureOrder = order;
        captureMark = mark;
    }

    /// The order that is still wanted of `from`; -1 if none is.
    public int captureOrder(Object from) {
        return captureFrom == from ? captureOrder : -1;
    }

    /// What must be left free besides the run.
    public long captureMark() {
        return captureMark;
    }

    /// The zone has kept `run`; it is wanted no longer.
    public void captured(long run) {
        captureFrom = null;
        captured = run;
    }

    /// Ends the wish; the run that was kept, which is now the caller's, or 0.
    public long endCapture() {
        captureFrom = null;
        long run = captured;
        captured = 0;
        return run;
    }

    /// How long the thread's present request may wait for memory, in nanoseconds; 0 for ever. A
    /// request with NOFAIL ignores it.
    public long patienceNanos() {
        return patienceNanos;
    }

    /// Sets how long the thread's next requests may wait; 0 for ever. Whoever does so for a request
    /// sets back what was there before: it may be inside another's.
    ///
    /// @return what it was
    public long patienceNanos(long nanos) {
        long before = patienceNanos;
        patienceNanos = nanos;
        return before;
    }

    /// Takes a wait off the thread's patience, if it has a limit: a request is made of many for
    /// single pages, which have one patience together.
    public void spendPatience(long nanos) {
        if (patienceNanos > 0) {
            patienceNanos = Math.max(OUT_OF_PATIENCE, patienceNanos - nanos);
        }
    }

    /// Whether waits used the thread's patience up.
    public boolean outOfPatience() {
        return patienceNanos == OUT_OF_PATIENCE;
    }

    /// What the thread's last failed request went through; in reclaim, the last one that was made
    /// there.
    public FailedRequest failedRequest() {
        return inReclaim ? failedInReclaim : failedRequest;
    }

    // ---- failed closes --------------------------------------------------------------------------

    /// Deals with a scope that `closeTop` refused: marks it closed if it is open and this is its
    /// thread, and makes the exception that tells.
    ///
    /// @param word its entry's, as it was when it was opened
    /// @param site the scope's
    public IllegalStateException closeFailed(long word, Object site) {
        String scope = "scope " + ScopeText.site(site);
        Task caller = current();
        if (caller != this) {
            return new IllegalStateException(scope + " was opened by thread " + ownerName()
                    + " and cannot be closed by thread " + caller.ownerName() + ", which is inside "
                    + caller.describeInnermost() + "; it stays open. Close it where it was opened");
        }
        String innermost = describeInnermost();
        if (closeBuried(word)) {
            return new IllegalStateException(scope + " is closed out of order: still inside it is "
                    + innermost + ". It counts as closed and its restriction ends with that one;"
                    + " close scopes in reverse order, best by try-with-resources");
        }
        return new IllegalStateException(scope + " is closed already; the thread is now inside "
                + innermost);
    }

    // ---- opaque slots ---------------------------------------------------------------------------

    /// The memory group that the thread's accounted allocations are charged to; null for the root.
    public @Nullable Object group() {
        return group;
    }

    /// Sets the current memory group; null for the root.
    public void group(@Nullable Object g) {
        boolean before = isApart();
        group = g;
        tellPools(before);
    }

    /// Whether requests of this thread need a look: it is in direct reclaim or in a memory group.
    public boolean isApart() {
        return inReclaim || group != null;
    }

    /// Whether no virtual thread is one whose requests need a look. For pools, which keep nothing
    /// of virtual threads that they could tell.
    public static boolean noVirtualApart() {
        return VIRTUAL_APART.getPlain() == 0;
    }

    private void tellPools(boolean before) {
        boolean now = isApart();
        if (now != before) {
            if (virtual) {
                VIRTUAL_APART.addAndGet(now ? 1 : -1);
            }
            for (PoolState p : pools) {
                if (p != null) {
                    p.apart(now);
                }
            }
        }
    }

    /// What another thread handed over, if the innermost scope is of it; else null.
    public @Nullable CarriedScopes innermostCarried() {
        return innermostIsCarried() ? carried : null;
    }

    @Nullable CarriedScopes carried() {
        return carried;
    }

    void carried(@Nullable CarriedScopes scopes) {
        carried = scopes;
    }

    /// What a pool keeps about this thread, null when nothing.
    ///
    /// @param poolIndex the pool's small number, 0 or more
    public @Nullable PoolState poolState(int poolIndex) {
        @Nullable PoolState[] p = pools;
        return poolIndex < p.length ? p[poolIndex] : null;
    }

    /// Sets what a pool keeps about this thread.
    public void poolState(int poolIndex, @Nullable PoolState state) {
        if (poolIndex >= pools.length) {
            pools = Arrays.copyOf(pools, Math.max(poolIndex + 1, 2 * pools.length));
        }
        pools[poolIndex] = state;
    }

    // ---- the thread -----------------------------------------------------------------------------

    /// The owner.
    ///
    /// @throws IllegalStateException when it ended and was collected; ask `ended()` first
    public Thread thread() {
        Thread t = get();
        if (t == null) {
            throw new IllegalStateException("thread " + name + " ended and was collected");
        }
        return t;
    }

    /// The owner's id.
    public long threadId() {
        return threadId;
    }

    /// Whether the owner is a virtual thread.
    public boolean isVirtual() {
        return virtual;
    }

    /// Whether the owner has ended. May be called by any thread; when it returns true, everything
    /// the owner did has happened before.
    public boolean ended() {
        Thread t = get();
        return t == null || !t.isAlive();
    }

    /// Polls the threads that opened scopes, reports those that ended inside one, forgets the dead.
    /// The module's daemon does the same every few seconds.
    ///
    /// @return how many threads were found to have ended inside a scope since the last call of this
    ///     method, by whomever
    public static int reap() {
        return TaskReaper.reap(System.nanoTime());
    }

    @Override
    void firstOpened() {
        TaskReaper.watch(this);
    }

    @Override
    String ownerName() {
        Thread t = get();
        String now = t == null ? name : t.getName();
        return now.isEmpty() ? "#" + threadId + (virtual ? " (virtual)" : "") : now;
    }

    // ---- FsReclaim ------------------------------------------------------------------------------

    /// Remembers the mask with which reclaim was announced, so that its end is announced with the
    /// same one even if scopes changed between (K7).
    public void pushHeldMask(int effectiveGfp) {
        if (heldCount == heldMasks.length) {
            heldMasks = Arrays.copyOf(heldMasks, Math.max(4, 2 * heldCount));
        }
        heldMasks[heldCount++] = effectiveGfp;
    }

    /// The mask announced last, -1 when there is none.
    public int popHeldMask() {
        return heldCount == 0 ? -1 : heldMasks[--heldCount];
    }

    @Override
    public String toString() {
        return "Task[" + ownerName() + ", " + describeScopes() + "]";
    }
}
