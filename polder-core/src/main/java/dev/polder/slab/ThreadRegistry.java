package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.os.Membarrier;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.Arrays;
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

    /// Places in the table; a power of two, far above the threads that allocate in one pool.
    private static final int PLACES = 512;
    /// Look-ups of a thread that has no place in the table between two attempts to get one.
    private static final int PATIENCE = 64;

    private final Slabs slabs;
    private final long room;
    private final boolean enabled;
    private final ReentrantLock lock = new ReentrantLock();
    private final List<ThreadSheaves> all = new ArrayList<>();
    private final ThreadSheaves[] table = new ThreadSheaves[PLACES];
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
        Arrays.fill(table, ThreadSheaves.VACANT);
    }

    /// Sheaves by their threads' ids ([#placeOf]); written under the lock, read without.
    ThreadSheaves[] table() {
        return table;
    }

    /// The place of a thread in the table.
    static int placeOf(long threadId) {
        return (int) threadId & (PLACES - 1);
    }

    /// The sheaves of the current thread, which is not in its place of the table; null if it has
    /// none of its own.
    @Nullable ThreadSheaves mine() {
        if (Thread.currentThread().isVirtual()) {
            return null;
        }
        Task task = Task.current();
        if (task.poolState(slabs.poolIndex()) instanceof ThreadSheaves t && t.belongsTo(slabs)) {
            if (t.misses++ % PATIENCE == 0 && lock.tryLock()) {
                try {
                    settle(t);
                } finally {
                    lock.unlock();
                }
            }
            return t;
        }
        return join(task);
    }

    /// Puts a thread in its place of the table, unless a living one has it. Under the lock.
    private void settle(ThreadSheaves t) {
        int place = placeOf(t.threadId);
        if (!closed && table[place].ended()) {
            table[place] = t;
        }
    }

    /// Gives the current thread, a platform thread, a place for sheaves; null if it must do
    /// without, this time or always.
    private @Nullable ThreadSheaves join(Task task) {
        if (!enabled || !lock.tryLock()) {
            return null;
        }
        Sheaf left = null;
        ThreadSheaves mine = null;
        try {
            if (!closed && !suspended) {
                left = reap(REAP_PER_JOIN);
                mine = new ThreadSheaves(task, slabs);
                all.add(mine);
                settle(mine);
                count = all.size();
            }
        } finally {
            lock.unlock();
        }
        if (mine != null) {
            task.poolState(slabs.poolIndex(), mine);
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
                recall(recall, -1);
            }
        } finally {
            lock.unlock();
        }
        return flush(recall.chain);
    }

    /// Takes the sheaves of the cache with that number from every thread.
    ///
    /// @return false if a thread stayed inside its sheaves; the next recall gets those
    boolean closeCache(int number) {
        Recall recall = new Recall();
        lock.lock();
        try {
            recall(recall, number);
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
            recall(recall, -1);
            for (ThreadSheaves t : all) {
                t.revoke();
                t.abandon();
            }
            all.clear();
            Arrays.fill(table, ThreadSheaves.VACANT);
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
            recall(recall, -1);
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
            for (ThreadSheaves t : all) {
                sum += t.cachedBytes();
            }
            return sum;
        } finally {
            lock.unlock();
        }
    }

    /// Objects of a cache in the sheaves of all threads; exact only while nobody takes or gives.
    long objects(int number) {
        lock.lock();
        try {
            long sum = 0;
            for (ThreadSheaves t : all) {
                sum += t.peek(number, 0).size + t.peek(number, 1).size;
            }
            return sum;
        } finally {
            lock.unlock();
        }
    }

    /// Appends the sheaves that threads hold for a cache. Only while nobody takes or gives.
    void addSheaves(int number, List<Sheaf> to) {
        lock.lock();
        try {
            for (ThreadSheaves t : all) {
                for (int which = 0; which < 2; which++) {
                    Sheaf sheaf = t.peek(number, which);
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
            for (ThreadSheaves t : all) {
                Check.that(t.belongsTo(slabs), "a thread's sheaves are of another pool");
                t.verify();
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
        for (ThreadSheaves t : all) {
            sum += t.heldBytes();
        }
        return sum;
    }

    /// Takes the sheaves of one cache, or of all with -1. Under the lock.
    private void recall(Recall recall, int number) {
        recall.chain = reap(all.size());
        if (all.isEmpty()) {
            return;
        }
        try {
            for (ThreadSheaves t : all) {
                t.revoke();
            }
            boolean barrier = Membarrier.everywhere();
            for (ThreadSheaves t : all) {
                if (barrier && t.awaitLeft(SPINS)) {
                    recall.chain = number < 0 ? t.detachAll(recall.chain)
                            : t.detach(number, recall.chain);
                } else {
                    recall.inside++;
                }
            }
        } finally {
            for (ThreadSheaves t : suspended ? List.<ThreadSheaves>of() : all) {
                t.restore();
            }
        }
        skipped.addAndGet(recall.inside);
    }

    /// Looks at up to `most` threads and forgets those that have ended; their sheaves. Under the
    /// lock.
    private @Nullable Sheaf reap(int most) {
        Sheaf chain = null;
        for (int i = 0; i < most && !all.isEmpty(); i++) {
            hand = hand + 1 < all.size() ? hand + 1 : 0;
            ThreadSheaves t = all.get(hand);
            if (t.ended()) {
                chain = t.detachAll(chain);
                if (table[placeOf(t.threadId)] == t) {
                    table[placeOf(t.threadId)] = ThreadSheaves.VACANT;
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
