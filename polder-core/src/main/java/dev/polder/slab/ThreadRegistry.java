package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.os.Membarrier;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The threads that own sheaves in one pool, and the recall of what lies in them.
///
/// Notes
///
/// A [Recall] is one barrier for all threads, not one each. What it takes out goes to the slabs
/// after the lock is free. The sheaves of a thread that has ended need no protocol; they are taken
/// at the next recall, and a few by each thread that joins, so that threads that come and go leave
/// nothing behind.
///
/// Virtual threads are many and short, and most own nothing. One that was seen to come again and
/// again is an owner as a platform thread is, of whom there are no more than processors, until it
/// ends or its sheaves are recalled: a sheaf that a parked one holds is lost to everybody.
///
/// Without [Membarrier] no thread owns sheaves.
final class ThreadRegistry {
    /// Threads that are looked at when one joins; two would keep up.
    private static final int REAP_PER_JOIN = 4;

    /// Virtual threads that own sheaves: no more can be running.
    private static final int MOST_VIRTUAL = Runtime.getRuntime().availableProcessors();

    private static final int FEW_PLACES = 16;
    private static final int RESPITE = 1000;

    /// Look-ups of a thread that has no place in the table between two attempts to get one.
    private static final int PATIENCE = 64;

    private final Slabs slabs;
    private final long room;
    private final boolean enabled;
    private final ReentrantLock lock = new ReentrantLock();
    private final ArrayList<TaskSheaves> all = new ArrayList<>();
    private final Recall recall = new Recall();
    private final AtomicLong skipped = new AtomicLong();
    private int virtualOwners;
    private int hand;
    /// Places that threads have, or more: those that are lost are taken off when room is made.
    private int places;
    /// Places that a recall has room for.
    private int expected;
    /// Joins to be refused after the Java heap was full: each attempt costs a collection then.
    private int respite;
    private boolean closed;
    private boolean suspended;
    /// `all.size()`, for readers without the lock; at least 1.
    private volatile int count = 1;

    /// @param room bytes that the sheaves of all threads may hold
    ThreadRegistry(Slabs slabs, long room) {
        this.slabs = slabs;
        this.room = room;
        this.enabled = Membarrier.available();
    }

    /// The sheaves of the current thread for `cache`, which are not in their place of the table;
    /// null if it has none of its own.
    @Nullable ThreadSheaves mine(Sheaved cache) {
        return Thread.currentThread().isVirtual() ? null : mineAsOwner(cache);
    }

    /// The same for a thread that may own sheaves: also a virtual one that comes often.
    @Nullable ThreadSheaves mineAsOwner(Sheaved cache) {
        Task task = Task.currentIfPossible();
        if (task == null) {
            return null;
        }
        TaskSheaves own = task.poolState(slabs.poolIndex()) instanceof TaskSheaves t
                && t.belongsTo(slabs) ? t : null;
        ThreadSheaves mine = own == null ? null : own.find(cache);
        if (mine == null) {
            return join(task, own, cache);
        }
        if (mine.misses++ % PATIENCE == 0 && lock.tryLock()) {
            try {
                settle(mine);
            } finally {
                lock.unlock();
            }
        }
        return mine;
    }

    /// Puts sheaves in their place of the table, if that is free. Under the lock: those of a closed
    /// pool must not come back.
    private void settle(ThreadSheaves mine) {
        if (!closed) {
            SheafTable.settle(mine);
        }
    }

    /// Gives the current thread places for sheaves of a cache; null if it must do without, this
    /// time or always.
    private @Nullable ThreadSheaves join(Task task, @Nullable TaskSheaves before, Sheaved cache) {
        if (!enabled || !lock.tryLock()) {
            return null;
        }
        Sheaf left = null;
        ThreadSheaves mine = null;
        try {
            if (mayJoin(cache)) {
                left = reap(task.isVirtual() ? all.size() : REAP_PER_JOIN);
                // May have been reaped just now
                TaskSheaves own = before != null && before.belongsTo(slabs) ? before : null;
                if (own != null || mayOwn(task)) {
                    mine = enrol(task, own, cache);
                    settle(mine);
                }
            }
        } catch (OutOfMemoryError e) {
            // A free may come here and must not fail: it goes on without sheaves of its own
            mine = null;
            respite = RESPITE;
        } finally {
            lock.unlock();
        }
        flush(left);
        return mine;
    }

    private boolean mayJoin(Sheaved cache) {
        if (respite > 0) {
            respite--;
            return false;
        }
        return !closed && !suspended && !cache.threadsDenied();
    }

    /// Whether there is room for one more owner of its kind. Under the lock.
    private boolean mayOwn(Task task) {
        return !task.isVirtual() || virtualOwners < MOST_VIRTUAL;
    }

    /// The places. Nothing is known of them until all is there that takes Java heap.
    private ThreadSheaves enrol(Task task, @Nullable TaskSheaves before, Sheaved cache) {
        if (places == expected) {
            places = all.stream().mapToInt(TaskSheaves::places).sum();
            recall.expect(2 * places + FEW_PLACES);
            expected = 2 * places + FEW_PLACES;
        }
        TaskSheaves own = before == null ? new TaskSheaves(task, slabs) : before;
        ThreadSheaves mine = own.add(cache);
        if (before == null) {
            all.ensureCapacity(all.size() + 1);
            task.poolState(slabs.poolIndex(), own);
            all.add(own);
            count = all.size();
            virtualOwners += own.isVirtual() ? 1 : 0;
        }
        places++;
        return mine;
    }

    /// Bytes that the sheaves of one thread may hold: an equal part for each.
    long share() {
        return room / count;
    }

    /// Takes the sheaves of all threads and sends their objects to the slabs. A thread that stays
    /// inside its sheaves is passed by and counted; a recall under way is not waited for.
    ///
    /// @return the number of frames that became free by it
    long drain() {
        if (!lock.tryLock()) {
            skipped.incrementAndGet();
            return 0;
        }
        Sheaf chain = null;
        try {
            // Pass after pass of a long reclaim finds nothing again: that needs no barrier.
            if (heldBytes() > 0) {
                chain = recall(null);
            }
        } finally {
            lock.unlock();
        }
        return flush(chain);
    }

    /// Takes the sheaves of a cache from every thread, for good.
    ///
    /// @return false if a thread stayed inside its sheaves; the next recall gets those
    boolean closeCache(Sheaved cache) {
        Sheaf chain;
        boolean complete;
        lock.lock();
        try {
            cache.denyThreads();
            chain = recall(cache);
            complete = recall.inside() == 0;
        } finally {
            lock.unlock();
        }
        flush(chain);
        return complete;
    }

    /// Takes every sheaf for good; threads find none from now on.
    void close() {
        Sheaf chain;
        lock.lock();
        try {
            closed = true;
            chain = recall(null);
            for (TaskSheaves t : all) {
                t.forEach(SheafTable::vacate);
                t.abandon();
            }
            all.clear();
        } finally {
            lock.unlock();
        }
        flush(chain);
    }

    /// Takes every sheaf until further notice: threads go to the slabs meanwhile. Or lets them have
    /// sheaves again.
    void suspend(boolean on) {
        Sheaf chain;
        lock.lock();
        try {
            if (suspended == on) {
                return;
            }
            suspended = on;
            chain = recall(null);
        } finally {
            lock.unlock();
        }
        flush(chain);
    }

    /// Threads that own sheaves or a place for them.
    int threads() {
        lock.lock();
        try {
            return all.size();
        } finally {
            lock.unlock();
        }
    }

    /// Recalls that passed a thread by.
    long skipped() {
        return skipped.get();
    }

    /// Bytes of free objects in the sheaves of all threads, about.
    long cachedBytes() {
        lock.lock();
        try {
            long sum = 0;
            for (TaskSheaves t : all) {
                sum += t.cachedBytes();
            }
            return sum;
        } finally {
            lock.unlock();
        }
    }

    /// Objects of a cache in the sheaves of all threads; exact only while nobody takes or gives.
    long objects(Sheaved cache) {
        lock.lock();
        try {
            long sum = 0;
            for (TaskSheaves t : all) {
                ThreadSheaves sheaves = t.find(cache);
                sum += sheaves == null ? 0 : sheaves.count();
            }
            return sum;
        } finally {
            lock.unlock();
        }
    }

    /// Appends the sheaves that threads hold for a cache. Only while nobody takes or gives.
    void addSheaves(Sheaved cache, List<Sheaf> to) {
        lock.lock();
        try {
            for (TaskSheaves t : all) {
                ThreadSheaves sheaves = t.find(cache);
                for (int which = 0; sheaves != null && which < 2; which++) {
                    Sheaf sheaf = sheaves.peek(which);
                    if (sheaf != Sheaf.NONE) {
                        to.add(sheaf);
                    }
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /// Checks every thread's places. Only while nobody takes or gives.
    void verify() {
        lock.lock();
        try {
            Check.that(closed || count == Math.max(1, all.size()), "the count of threads is wrong");
            for (TaskSheaves t : all) {
                Check.that(t.belongsTo(slabs), "a thread's sheaves are of another pool");
                t.forEach(ThreadSheaves::verify);
            }
        } finally {
            lock.unlock();
        }
    }

    private long heldBytes() {
        long sum = 0;
        for (TaskSheaves t : all) {
            sum += t.heldBytes();
        }
        return sum;
    }

    /// Takes the sheaves of one cache, which closes, or of every one. Under the lock.
    private @Nullable Sheaf recall(@Nullable Sheaved closing) {
        Sheaf left = reap(all.size());
        for (int i = 0; i < all.size(); i++) {
            all.get(i).call(recall, closing);
        }
        Sheaf chain = recall.run(left, !closed && !suspended);
        skipped.addAndGet(recall.inside());
        return chain;
    }

    /// Looks at up to `most` threads and forgets those that have ended, or lost all their places;
    /// their sheaves. Under the lock.
    private @Nullable Sheaf reap(int most) {
        Sheaf chain = null;
        for (int i = 0; i < most && !all.isEmpty(); i++) {
            hand = hand + 1 < all.size() ? hand + 1 : 0;
            TaskSheaves task = all.get(hand);
            if (task.ended() || task.places() == 0) {
                chain = task.detach(chain);
                task.abandon();
                forget(hand);
            }
        }
        count = Math.max(1, all.size());
        return chain;
    }

    private void forget(int index) {
        virtualOwners -= all.get(index).isVirtual() ? 1 : 0;
        all.set(index, all.getLast());
        all.removeLast();
    }

    private static long flush(@Nullable Sheaf chain) {
        long freed = 0;
        Sheaf sheaf = chain;
        while (sheaf != null) {
            Sheaf after = sheaf.next;
            sheaf.next = null;
            freed += sheaf.cache().putBack(sheaf);
            sheaf.cache().sheaves().keep(sheaf);
            sheaf = after;
        }
        return freed;
    }
}
