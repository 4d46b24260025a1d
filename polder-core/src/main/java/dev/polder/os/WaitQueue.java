package dev.polder.os;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A queue of threads that wait for a condition somebody else makes true (an event count; the
/// kernel's wait queue).
///
/// ```java
/// // the waiter                           // the other side
/// long seq = queue.sequence();            makeItTrue();
/// if (!condition()) {                     queue.wakeAll();
///     queue.await(seq, limitNanos);
/// }
/// ```
/// A waiter reads the sequence *before* it tests its condition: a wake-up after that read is never
/// lost. Waiters loop: a `true` says only that there was a wake-up.
public final class WaitQueue {
    /*
     * Notes. Every wake-up first increments `sequence`, then looks at `waiters`. A waiter first
     * increments `waiters`, then looks at `sequence`. Both fields are volatile, so of two such
     * threads at least one sees the other (Dekker): either the waker finds the waiter in the list
     * (it takes the lock, which the waiter holds until it is in the list), or the waiter finds the
     * sequence moved and does not sleep.
     *
     * A wake-up that chose a waiter is not lost to a time-out either: `woken` is set under the
     * lock, and the waiter decides under the same lock whether it was woken or leaves by itself.
     *
     * wakeOne may let two threads go: the longest waiter, and one that had read the sequence but
     * did not sleep yet. It never lets none go while one waits.
     *
     * The lock is a leaf: no call leaves this class under it. Threads are unparked without it.
     */
    private static final VarHandle SEQUENCE;

    static {
        try {
            SEQUENCE = MethodHandles.lookup()
                    .findVarHandle(WaitQueue.class, "sequence", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final class Waiter {
        final Thread thread;
        /// Written under the lock; read by the waiter without it while it parks.
        volatile boolean woken;
        @Nullable Waiter previous;
        @Nullable Waiter next;

        Waiter(Thread thread) {
            this.thread = thread;
        }
    }

    private final Clock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile long sequence;
    /// Length of the list, plus a waiter that is about to enter it.
    private volatile int waiters;
    private @Nullable Waiter head;
    private @Nullable Waiter tail;

    /// A queue whose waits run on `clock`.
    public WaitQueue(Clock clock) {
        this.clock = clock;
    }

    /// The number of wake-ups so far. Read it before testing the condition.
    public long sequence() {
        return sequence;
    }

    /// Waits until a wake-up later than `seq`, but at most `nanos` nanoseconds; without limit where
    /// `nanos` is 0 or less.
    ///
    /// Holds no lock while it waits. The interrupt flag ends the wait and is left as it was; a
    /// caller that must not be disturbed clears it before and sets it again after its loop.
    ///
    /// @return true if there was a wake-up, false on time-out or interrupt
    public boolean await(long seq, long nanos) {
        if (sequence != seq) {
            return true;
        }
        Waiter self = new Waiter(Thread.currentThread());
        if (!enter(self, seq)) {
            return true;
        }
        long deadline = nanos > 0 ? clock.nanos() + nanos : 0;
        while (!self.woken && !Thread.currentThread().isInterrupted()) {
            long left = nanos > 0 ? deadline - clock.nanos() : 0;
            if (nanos > 0 && left <= 0) {
                break;
            }
            clock.park(this, left);
        }
        return leave(self);
    }

    /// Joins the list, unless there was a wake-up since `seq`.
    @SuppressWarnings("NonAtomicVolatileUpdate") // written under the lock only
    private boolean enter(Waiter self, long seq) {
        lock.lock();
        try {
            waiters++;
            if (sequence != seq) {
                waiters--;
                return false;
            }
            self.previous = tail;
            if (tail == null) {
                head = self;
            } else {
                tail.next = self;
            }
            tail = self;
            return true;
        } finally {
            lock.unlock();
        }
    }

    /// True if the thread was woken; otherwise takes it out of the list.
    private boolean leave(Waiter self) {
        if (self.woken) {
            return true;
        }
        lock.lock();
        try {
            if (!self.woken) {
                unlink(self);
            }
            return self.woken;
        } finally {
            lock.unlock();
        }
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // written under the lock only
    private void unlink(Waiter w) {
        assert lock.isHeldByCurrentThread();
        if (w.previous == null) {
            head = w.next;
        } else {
            w.previous.next = w.next;
        }
        if (w.next == null) {
            tail = w.previous;
        } else {
            w.next.previous = w.previous;
        }
        waiters--;
    }

    /// Ends the wait of every thread that waits now.
    public void wakeAll() {
        SEQUENCE.getAndAdd(this, 1L);
        if (waiters == 0) {
            return;
        }
        Waiter list;
        lock.lock();
        try {
            list = head;
            for (Waiter w = list; w != null; w = w.next) {
                w.woken = true;
            }
            head = null;
            tail = null;
            waiters = 0;
        } finally {
            lock.unlock();
        }
        for (Waiter w = list; w != null; w = w.next) {
            clock.unpark(w.thread);
        }
    }

    /// Ends the wait of the thread that has waited longest.
    public void wakeOne() {
        SEQUENCE.getAndAdd(this, 1L);
        if (waiters == 0) {
            return;
        }
        Waiter first;
        lock.lock();
        try {
            first = head;
            if (first == null) {
                return;
            }
            unlink(first);
            first.woken = true;
        } finally {
            lock.unlock();
        }
        clock.unpark(first.thread);
    }

    /// Threads that wait now.
    public int waiters() {
        return waiters;
    }

    @Override
    public String toString() {
        return "wait queue with " + waiters + " waiting";
    }
}
