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
/// A recall is one barrier for all threads, not one each. What it takes out goes to the slabs
/// after the lock is free. The sheaves of a thread that has ended need no protocol; they are taken
/// at the next recall, and a few by each thread that joins, so that threads that come and go leave
/// nothing behind.
///
/// Virtual threads own nothing: they are many and short, and a sheaf that a parked one holds is
/// lost to everybody. Without [Membarrier] no thread does.
final class ThreadRegistry {
    /// Looks at a thread that is inside its sheaves before it is passed by: some 20 µs, far above
    /// the few instructions that a running thread needs to get out.
    private static final int SPINS = 500;
    /// Threads that are looked at when one joins; two would keep up.
    private static final int REAP_PER_JOIN = 4;

    /// Look-ups of a thread that has no place in the table between two attempts to get one.
    private static final int PATIENCE = 64;

    private final Slabs slabs;
    private final long room;
    private final boolean enabled;
    private final ReentrantLock lock = new ReentrantLock();
    private final List<TaskSheaves> all = new ArrayList<>();
    private final AtomicLong skipped = new AtomicLong();
    private int hand;
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
        if (Thread.currentThread().isVirtual()) {
            return null;
        }
        Task task = Task.current();
        TaskSheaves own = task.poolState(slabs.poolIndex()) instanceof TaskSheaves t
                && t.belongsTo(slabs) ? t : null;
        ThreadSheaves mine = own == null ? null : own.find(cache);
        if (mine == null) {
            return join(task, own, cache);
        }
        if (mine.misses++ % PATIENCE == 0 && lock.tryLock()) {
            try {
                settle(mine, cache);
            } finally {
                lock.unlock();
            }
        }
        return mine;
    }

    /// Puts sheaves in their place of the table, if that is free. Under the lock: those of a closed
    /// pool must not come back.
    private void settle(ThreadSheaves mine, Sheaved cache) {
        if (!closed) {
            SheafTable.settle(mine, cache.place());
        }
    }

    /// Gives the current thread, a platform thread, places for sheaves of a cache; null if it must
    /// do without, this time or always.
    private @Nullable ThreadSheaves join(Task task, @Nullable TaskSheaves before, Sheaved cache) {
        if (!enabled || !lock.tryLock()) {
            return null;
        }
        Sheaf left = null;
        ThreadSheaves mine = null;
        try {
            if (!closed && !suspended && !cache.threadsDenied()) {
                left = reap(REAP_PER_JOIN);
                TaskSheaves own = before;
                if (own == null) {
                    own = new TaskSheaves(task, slabs);
                    task.poolState(slabs.poolIndex(), own);
                    all.add(own);
                    count = all.size();
                }
                mine = own.add(cache);
                settle(mine, cache);
            }
        } finally {
            lock.unlock();
        }
        flush(left);
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
        Recall recall = new Recall();
        try {
            // Pass after pass of a long reclaim finds nothing again: that needs no barrier.
            if (heldBytes() > 0) {
                recall(recall, null);
            }
        } finally {
            lock.unlock();
        }
        return flush(recall.chain);
    }

    /// Takes the sheaves of a cache from every thread, for good.
    ///
    /// @return false if a thread stayed inside its sheaves; the next recall gets those
    boolean closeCache(Sheaved cache) {
        Recall recall = new Recall();
        lock.lock();
        try {
            cache.denyThreads();
            recall(recall, cache);
        } finally {
            lock.unlock();
        }
        flush(recall.chain);
        return recall.inside == 0;
    }

    /// Takes every sheaf for good; threads find none from now on.
    void close() {
        Recall recall = new Recall();
        lock.lock();
        try {
            closed = true;
            recall(recall, null);
            for (TaskSheaves t : all) {
                t.forEach(ThreadRegistry::vacate);
                t.abandon();
            }
            all.clear();
        } finally {
            lock.unlock();
        }
        flush(recall.chain);
    }

    /// Takes every sheaf until further notice: threads go to the slabs meanwhile. Or lets them have
    /// sheaves again.
    void suspend(boolean on) {
        Recall recall = new Recall();
        lock.lock();
        try {
            if (suspended == on) {
                return;
            }
            suspended = on;
            recall(recall, null);
        } finally {
            lock.unlock();
        }
        flush(recall.chain);
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
            for (ThreadSheaves t : called(null)) {
                sum += t.count() * t.cache().objectSize();
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
            for (ThreadSheaves t : called(cache)) {
                sum += t.count();
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
            for (ThreadSheaves t : called(cache)) {
                for (int which = 0; which < 2; which++) {
                    Sheaf sheaf = t.peek(which);
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

    /// What a recall brought and how many threads it passed by.
    private static final class Recall {
        @Nullable Sheaf chain;
        int inside;
    }

    private long heldBytes() {
        long sum = 0;
        for (TaskSheaves t : all) {
            sum += t.heldBytes();
        }
        return sum;
    }

    /// The sheaves of all threads for a cache, or for every cache. Under the lock.
    private List<ThreadSheaves> called(@Nullable Sheaved only) {
        List<ThreadSheaves> out = new ArrayList<>();
        for (TaskSheaves t : all) {
            if (only == null) {
                t.forEach(out::add);
            } else {
                ThreadSheaves sheaves = t.find(only);
                if (sheaves != null) {
                    out.add(sheaves);
                }
            }
        }
        return out;
    }

    /// Takes the sheaves of one cache, which closes, or of every one. Under the lock.
    private void recall(Recall recall, @Nullable Sheaved closing) {
        recall.chain = reap(all.size());
        List<ThreadSheaves> called = called(closing);
        if (called.isEmpty()) {
            return;
        }
        try {
            for (ThreadSheaves t : called) {
                t.revoke();
            }
            boolean barrier = Membarrier.everywhere();
            for (ThreadSheaves t : called) {
                if (barrier && t.awaitLeft(SPINS)) {
                    recall.chain = t.detach(recall.chain);
                    if (closing != null) {
                        vacate(t);
                        t.forget();
                    }
                } else {
                    recall.inside++;
                }
            }
        } finally {
            if (!closed && !suspended && closing == null) {
                called.forEach(ThreadSheaves::restore);
            }
        }
        skipped.addAndGet(recall.inside);
    }

    private static void vacate(ThreadSheaves t) {
        SheafTable.vacate(t, t.cache().place());
    }

    /// Looks at up to `most` threads and forgets those that have ended; their sheaves. Under the
    /// lock.
    private @Nullable Sheaf reap(int most) {
        Sheaf chain = null;
        for (int i = 0; i < most && !all.isEmpty(); i++) {
            hand = hand + 1 < all.size() ? hand + 1 : 0;
            TaskSheaves task = all.get(hand);
            if (task.ended()) {
                List<ThreadSheaves> left = new ArrayList<>();
                task.forEach(left::add);
                for (ThreadSheaves t : left) {
                    chain = t.detach(chain);
                    vacate(t);
                }
                all.set(hand, all.getLast());
                all.removeLast();
            }
        }
        count = Math.max(1, all.size());
        return chain;
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
