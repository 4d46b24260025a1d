package dev.polder.os;

import java.util.IdentityHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// A clock that stands still until a test moves it. For tests only.
///
/// A parked thread really blocks until [#advance] passes its deadline, it is unparked or
/// interrupted; no real time enters its decision. A test first calls [#awaitParked] to know that
/// its threads have reached their waits, then moves the time.
public final class VirtualClock implements Clock {
    /*
     * Notes. A thread's state is one Parker, in the table while the thread is parked or holds a
     * permit. Whoever ends a wait (advance, unpark) clears `parked` itself, under the lock: a
     * thread that was released but has not run yet no longer counts as parked, so that
     * advance(…); awaitParked(1) waits for the *next* park and not for the one just ended.
     *
     * An interrupt gives a thread its permit too, which outlives the flag: LockSupport does so.
     * Nobody is told of interrupts, so a thread gets the permit where it reads the time with the
     * flag set. A wait that trusts one park to last then spins here as it would in earnest.
     */

    /// Real seconds after which [#awaitParked] gives up: far above any scheduling delay of a
    /// loaded machine, and short enough that a hanging test names its reason.
    private static final long PATIENCE_SECONDS = 20;

    private static final class Parker {
        final Condition released;
        boolean permit;
        boolean parked;
        long deadline;

        Parker(Condition released) {
            this.released = released;
        }
    }

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition parkedChanged = lock.newCondition();
    private final IdentityHashMap<Thread, Parker> parkers = new IdentityHashMap<>();
    private long now;
    private int parked;
    private long parks;

    /// A clock that shows 0.
    public VirtualClock() {}

    @Override
    public long nanos() {
        Thread self = Thread.currentThread();
        lock.lock();
        try {
            if (self.isInterrupted()) {
                parkers.computeIfAbsent(self, _ -> new Parker(lock.newCondition())).permit = true;
            }
            return now;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void park(Object blocker, long nanos) {
        Thread self = Thread.currentThread();
        lock.lock();
        try {
            Parker p = parkers.computeIfAbsent(self, _ -> new Parker(lock.newCondition()));
            if (!p.permit && !self.isInterrupted()) {
                p.deadline = nanos > 0 ? saturatedAdd(now, nanos) : Long.MAX_VALUE;
                p.parked = true;
                parked++;
                parks++;
                parkedChanged.signalAll();
                await(p);
            }
            parkers.remove(self);
        } finally {
            lock.unlock();
        }
    }

    private void await(Parker p) {
        while (p.parked) {
            try {
                p.released.await();
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
                if (p.parked) {
                    release(p);
                }
                return;
            }
        }
    }

    private void release(Parker p) {
        assert lock.isHeldByCurrentThread();
        p.parked = false;
        parked--;
        p.released.signal();
        parkedChanged.signalAll();
    }

    @Override
    public void unpark(Thread thread) {
        lock.lock();
        try {
            Parker p = parkers.computeIfAbsent(thread, _ -> new Parker(lock.newCondition()));
            if (p.parked) {
                release(p);
            } else {
                p.permit = true;
            }
        } finally {
            lock.unlock();
        }
    }

    /// Moves the time forward and releases every thread whose deadline is reached.
    public void advance(long nanos) {
        if (nanos < 0) {
            throw new IllegalArgumentException("time does not run backwards: " + nanos);
        }
        lock.lock();
        try {
            now = saturatedAdd(now, nanos);
            for (Parker p : parkers.values()) {
                if (p.parked && p.deadline <= now) {
                    release(p);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /// Blocks until at least `threads` threads are parked.
    ///
    /// @throws IllegalStateException after 20 real seconds, or when interrupted
    public void awaitParked(int threads) {
        lock.lock();
        try {
            long left = TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
            while (parked < threads) {
                if (left <= 0) {
                    throw new IllegalStateException(parked + " threads are parked after "
                            + PATIENCE_SECONDS + " s, expected " + threads);
                }
                left = parkedChanged.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for parked threads", e);
        } finally {
            lock.unlock();
        }
    }

    /// Threads parked now.
    public int parkedThreads() {
        lock.lock();
        try {
            return parked;
        } finally {
            lock.unlock();
        }
    }

    /// How many parks began since the clock was made.
    public long parks() {
        lock.lock();
        try {
            return parks;
        } finally {
            lock.unlock();
        }
    }

    private static long saturatedAdd(long a, long b) {
        long sum = a + b;
        return sum < a ? Long.MAX_VALUE : sum;
    }

    @Override
    public String toString() {
        return "virtual clock at " + nanos() + " ns";
    }
}
