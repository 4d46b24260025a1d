package dev.polder.lockdep.engine;

import java.util.Date;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/// What instrumented code calls. One engine for the whole JVM.
///
/// A method that takes several locks finds its thread's state once: what the first hook returns is
/// kept in a local variable of the method and handed to the others.
///
/// The names and descriptors are written into the program's classes: see `Weaver`. Nothing here
/// throws but what the replaced operation throws; a failure of the engine is counted, and the
/// program goes on unwatched at that point.
@SuppressWarnings("WaitNotInLoop") // the program's loops are around the calls of these
public final class Hooks {
    /// The engine of this JVM.
    public static final Lockdep ENGINE =
            new Lockdep(!"field".equals(System.getProperty("dev.polder.lockdep.monitors")));

    // Constants to the compiler, unlike what is reached through the engine.
    private static final HeldTable THREADS = ENGINE.table();
    private static final SiteCache SITES = ENGINE.locks().bySite();

    private static final AtomicLong FAILURES = new AtomicLong();
    private static volatile String firstFailure = "";

    private Hooks() {}

    /// Notes a failure of the engine. Returns null: what was known of the thread is not to be
    /// trusted.
    static @Nullable HeldLocks failed(Throwable t) {
        if (FAILURES.getAndIncrement() == 0) {
            StringBuilder text = new StringBuilder(t.toString());
            for (StackTraceElement e : t.getStackTrace()) {
                text.append("\n    at ").append(e);
            }
            firstFailure = text.toString();
        }
        ENGINE.held().busy(false);
        return null;
    }

    /// How often the engine failed.
    public static long failures() {
        return FAILURES.get();
    }

    /// The first failure of the engine with its stack; empty when it never failed.
    public static String firstFailure() {
        return firstFailure;
    }

    // ---- monitors -------------------------------------------------------------------------------

    /// At the begin of a synchronized method. Apart from `monitorEnter`, because here the thread's
    /// state is always looked for: the compiler joins what is always done.
    ///
    /// @return what the method's other hooks are to be given
    public static @Nullable HeldLocks methodEnter(Object monitor, int site) {
        try {
            HeldLocks h = THREADS.current();
            LockInstance known = SITES.at(site);
            return known.classed && known.refersTo(monitor.getClass())
                    && h.takeKnown(known, System.identityHashCode(monitor), site)
                    ? h : ENGINE.monitorEnter(h, monitor, site);
        } catch (Throwable t) {
            return failed(t);
        }
    }

    /// At the begin of a synchronized method in which nothing is taken or asked for: see
    /// `monitorPass`.
    public static @Nullable HeldLocks methodPass(Object monitor, int site) {
        try {
            HeldLocks h = THREADS.current();
            if (h.depth() != 0) {
                monitorExit(monitor, site, monitorEnter(monitor, site, h));
            }
            return h;
        } catch (Throwable t) {
            return failed(t);
        }
    }

    /// Before monitorenter.
    ///
    /// @param mine what an earlier hook of the method returned; null for the first
    /// @return what the next one is to be given
    public static @Nullable HeldLocks monitorEnter(
            @Nullable Object monitor, int site, @Nullable HeldLocks mine) {
        if (monitor == null) {
            return mine;
        }
        try {
            HeldLocks h = mine == null ? THREADS.current() : mine;
            LockInstance known = SITES.at(site);
            return known.classed && known.refersTo(monitor.getClass())
                    && h.takeKnown(known, System.identityHashCode(monitor), site)
                    ? h : ENGINE.monitorEnter(h, monitor, site);
        } catch (Throwable t) {
            return failed(t);
        }
    }

    /// Before the monitorenter of a block in which nothing is taken or asked for: with nothing held
    /// there is nothing to learn. No hook follows at its end.
    public static @Nullable HeldLocks monitorPass(
            @Nullable Object monitor, int site, @Nullable HeldLocks mine) {
        try {
            HeldLocks h = mine == null ? THREADS.current() : mine;
            if (h.depth() != 0) {
                monitorExit(monitor, site, monitorEnter(monitor, site, h));
            }
            return h;
        } catch (Throwable t) {
            return failed(t);
        }
    }

    /// Before monitorexit, and at every end of a synchronized method.
    ///
    /// @param site where it was entered; 0 when that is unknown
    public static void monitorExit(
            @Nullable Object monitor, int site, @Nullable HeldLocks mine) {
        if (monitor != null) {
            try {
                HeldLocks h = mine == null ? THREADS.current() : mine;
                if (!h.releaseLastTakenAt(site)) {
                    ENGINE.release(h, monitor, true, 0);
                }
            } catch (Throwable t) {
                failed(t);
            }
        }
    }

    /// Instead of `Object.wait()`.
    public static void objectWait(Object monitor, int site) throws InterruptedException {
        int times = waitBegin(monitor, true);
        try {
            monitor.wait();
        } finally {
            waitEnd(monitor, true, times, site);
        }
    }

    /// Instead of `Object.wait(long)`.
    public static void objectWait(Object monitor, long millis, int site)
            throws InterruptedException {
        int times = waitBegin(monitor, true);
        try {
            monitor.wait(millis);
        } finally {
            waitEnd(monitor, true, times, site);
        }
    }

    /// Instead of `Object.wait(long, int)`.
    public static void objectWait(Object monitor, long millis, int nanos, int site)
            throws InterruptedException {
        int times = waitBegin(monitor, true);
        try {
            monitor.wait(millis, nanos);
        } finally {
            waitEnd(monitor, true, times, site);
        }
    }

    private static int waitBegin(@Nullable Object waited, boolean monitor) {
        if (waited == null) {
            return 0;
        }
        try {
            return ENGINE.waitBegin(waited, monitor);
        } catch (Throwable t) {
            failed(t);
            return 0;
        }
    }

    private static void waitEnd(Object waited, boolean monitor, int times, int site) {
        try {
            ENGINE.waitEnd(waited, monitor, times, site);
        } catch (Throwable t) {
            failed(t);
        }
    }

    // ---- locks ----------------------------------------------------------------------------------

    /// Before `lock()` of a class of the JDK: it will be got.
    public static @Nullable HeldLocks lock(
            @Nullable Object lock, int site, @Nullable HeldLocks mine) {
        if (lock == null) {
            return mine;
        }
        try {
            HeldLocks h = mine == null ? THREADS.current() : mine;
            LockInstance known = SITES.at(site);
            return known.refersTo(lock) && h.takeKnown(known, known.hash, site)
                    ? h : ENGINE.lock(h, lock, site);
        } catch (Throwable t) {
            return failed(t);
        }
    }

    /// Before a `lock()` of whatever class; `lockAfter` follows.
    ///
    /// @return null when that is to do the rest
    public static @Nullable HeldLocks lockBefore(
            @Nullable Object lock, int site, @Nullable HeldLocks mine) {
        if (lock == null) {
            return mine;
        }
        try {
            HeldLocks h = mine == null ? THREADS.current() : mine;
            LockInstance known = SITES.at(site); // once known, it need not be asked for its type
            if (known.trusted && known.refersTo(lock) && h.takeKnown(known, known.hash, site)) {
                return h;
            }
            return !(lock instanceof Lock) ? mine
                    : ENGINE.acquireOrWant(h, SITES.get(site, lock), lock, site) ? h : null;
        } catch (Throwable t) {
            return failed(t);
        }
    }

    /// After the `lock()` that `lockBefore` announced.
    public static @Nullable HeldLocks lockAfter(
            @Nullable Object lock, int site, @Nullable HeldLocks mine) {
        if (mine == null && lock instanceof Lock) {
            got(lock, site);
        }
        return mine;
    }

    /// Before `lockInterruptibly()`, which may fail; `got` follows.
    public static void want(@Nullable Object lock, int site) {
        if (lock instanceof Lock) {
            try {
                ENGINE.want(lock, Mode.EXCLUSIVE, site);
            } catch (Throwable t) {
                failed(t);
            }
        }
    }

    /// After `lockInterruptibly()`.
    public static void got(@Nullable Object lock, int site) {
        if (lock instanceof Lock) {
            try {
                ENGINE.got(lock, Mode.EXCLUSIVE, site);
            } catch (Throwable t) {
                failed(t);
            }
        }
    }

    /// After `tryLock()`, timed or not.
    public static void tried(@Nullable Object lock, boolean got, int site) {
        if (got && lock instanceof Lock) {
            try {
                ENGINE.acquire(lock, Mode.TRY, site);
            } catch (Throwable t) {
                failed(t);
            }
        }
    }

    /// Before an `unlock()` of whatever class.
    public static void unlock(@Nullable Object lock, int site, @Nullable HeldLocks mine) {
        if (lock != null) {
            try {
                HeldLocks h = mine == null ? THREADS.current() : mine;
                LockInstance known = SITES.at(site);
                boolean done = known.refersTo(lock) && h.releaseLast(known.hash);
                if (!done && lock instanceof Lock) {
                    ENGINE.release(h, lock, false, site);
                }
            } catch (Throwable t) {
                failed(t);
            }
        }
    }

    /// After the constructor of a lock class of the JDK.
    public static void created(Object lock, int site) {
        try {
            ENGINE.created(lock, site);
        } catch (Throwable t) {
            failed(t);
        }
    }

    /// After `readLock()`, `writeLock()`, and StampedLock's `as…Lock()`.
    public static void view(
            @Nullable Object pair, @Nullable Object side, boolean shared, int site) {
        if (pair != null && side != null) {
            try {
                ENGINE.view(pair, side, shared, site);
            } catch (Throwable t) {
                failed(t);
            }
        }
    }

    /// After `newCondition()`.
    public static void condition(@Nullable Object lock, @Nullable Object condition, int site) {
        if (lock instanceof Lock && condition != null) {
            try {
                ENGINE.condition(lock, condition, site);
            } catch (Throwable t) {
                failed(t);
            }
        }
    }

    // ---- for StampedHooks -----------------------------------------------------------------------

    static void acquired(Object lock, int mode, int site) {
        try {
            ENGINE.acquire(lock, mode, site);
        } catch (Throwable t) {
            failed(t);
        }
    }

    static void wanted(Object lock, int mode, int site) {
        try {
            ENGINE.want(lock, mode, site);
        } catch (Throwable t) {
            failed(t);
        }
    }

    static void released(Object lock) {
        try {
            ENGINE.release(lock);
        } catch (Throwable t) {
            failed(t);
        }
    }

    static void converted(Object lock, int mode) {
        try {
            ENGINE.convert(lock, mode);
        } catch (Throwable t) {
            failed(t);
        }
    }

    // ---- conditions -----------------------------------------------------------------------------

    /// Instead of `Condition.await()`.
    public static void await(Condition c, int site) throws InterruptedException {
        int times = waitBegin(c, false);
        try {
            c.await();
        } finally {
            waitEnd(c, false, times, site);
        }
    }

    /// Instead of `Condition.awaitUninterruptibly()`.
    public static void awaitUninterruptibly(Condition c, int site) {
        int times = waitBegin(c, false);
        try {
            c.awaitUninterruptibly();
        } finally {
            waitEnd(c, false, times, site);
        }
    }

    /// Instead of `Condition.awaitNanos(long)`.
    public static long awaitNanos(Condition c, long nanos, int site) throws InterruptedException {
        int times = waitBegin(c, false);
        try {
            return c.awaitNanos(nanos);
        } finally {
            waitEnd(c, false, times, site);
        }
    }

    /// Instead of `Condition.await(long, TimeUnit)`.
    public static boolean await(Condition c, long time, TimeUnit unit, int site)
            throws InterruptedException {
        int times = waitBegin(c, false);
        try {
            return c.await(time, unit);
        } finally {
            waitEnd(c, false, times, site);
        }
    }

    /// Instead of `Condition.awaitUntil(Date)`.
    public static boolean awaitUntil(Condition c, Date deadline, int site)
            throws InterruptedException {
        int times = waitBegin(c, false);
        try {
            return c.awaitUntil(deadline);
        } finally {
            waitEnd(c, false, times, site);
        }
    }
}
