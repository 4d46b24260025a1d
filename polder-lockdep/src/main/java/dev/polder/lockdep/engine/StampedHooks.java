package dev.polder.lockdep.engine;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.StampedLock;

/// What instrumented code calls instead of `StampedLock`'s own methods, which have the same names
/// and, but for the place at the end, the same parameters.
///
/// An optimistic read takes nothing and is not watched.
public final class StampedHooks {
    private static final int WRITE = Mode.NOT_REENTRANT;
    private static final int READ = Mode.NOT_REENTRANT | Mode.SHARED;

    private StampedHooks() {}

    private static long taken(StampedLock l, long stamp, int mode, int site) {
        if (stamp != 0) {
            Hooks.acquired(l, mode, site);
        }
        return stamp;
    }

    /// `writeLock()`.
    public static long writeLock(StampedLock l, int site) {
        Hooks.acquired(l, WRITE, site); // it cannot fail
        return l.writeLock();
    }

    /// `writeLockInterruptibly()`.
    public static long writeLockInterruptibly(StampedLock l, int site)
            throws InterruptedException {
        Hooks.wanted(l, WRITE, site);
        return taken(l, l.writeLockInterruptibly(), WRITE | Mode.TRY, site);
    }

    /// `tryWriteLock()`.
    public static long tryWriteLock(StampedLock l, int site) {
        return taken(l, l.tryWriteLock(), WRITE | Mode.TRY, site);
    }

    /// `tryWriteLock(long, TimeUnit)`.
    public static long tryWriteLock(StampedLock l, long time, TimeUnit unit, int site)
            throws InterruptedException {
        return taken(l, l.tryWriteLock(time, unit), WRITE | Mode.TRY, site);
    }

    /// `unlockWrite(long)`.
    public static void unlockWrite(StampedLock l, long stamp, int site) {
        l.unlockWrite(stamp);
        Hooks.released(l);
    }

    /// `tryUnlockWrite()`.
    public static boolean tryUnlockWrite(StampedLock l, int site) {
        boolean done = l.tryUnlockWrite();
        if (done) {
            Hooks.released(l);
        }
        return done;
    }

    /// `tryConvertToWriteLock(long)`.
    public static long tryConvertToWriteLock(StampedLock l, long stamp, int site) {
        long converted = l.tryConvertToWriteLock(stamp);
        if (converted != 0) {
            Hooks.converted(l, WRITE);
        }
        return converted;
    }

    /// `readLock()`.
    public static long readLock(StampedLock l, int site) {
        Hooks.acquired(l, READ, site); // it cannot fail
        return l.readLock();
    }

    /// `readLockInterruptibly()`.
    public static long readLockInterruptibly(StampedLock l, int site)
            throws InterruptedException {
        Hooks.wanted(l, READ, site);
        return taken(l, l.readLockInterruptibly(), READ | Mode.TRY, site);
    }

    /// `tryReadLock()`.
    public static long tryReadLock(StampedLock l, int site) {
        return taken(l, l.tryReadLock(), READ | Mode.TRY, site);
    }

    /// `tryReadLock(long, TimeUnit)`.
    public static long tryReadLock(StampedLock l, long time, TimeUnit unit, int site)
            throws InterruptedException {
        return taken(l, l.tryReadLock(time, unit), READ | Mode.TRY, site);
    }

    /// `unlockRead(long)`.
    public static void unlockRead(StampedLock l, long stamp, int site) {
        l.unlockRead(stamp);
        Hooks.released(l);
    }

    /// `tryUnlockRead()`.
    public static boolean tryUnlockRead(StampedLock l, int site) {
        boolean done = l.tryUnlockRead();
        if (done) {
            Hooks.released(l);
        }
        return done;
    }

    /// `tryConvertToReadLock(long)`.
    public static long tryConvertToReadLock(StampedLock l, long stamp, int site) {
        long converted = l.tryConvertToReadLock(stamp);
        if (converted != 0) {
            Hooks.converted(l, READ);
        }
        return converted;
    }

    /// `unlock(long)`.
    public static void unlock(StampedLock l, long stamp, int site) {
        l.unlock(stamp);
        Hooks.released(l);
    }

    /// `tryConvertToOptimisticRead(long)`.
    public static long tryConvertToOptimisticRead(StampedLock l, long stamp, int site) {
        long converted = l.tryConvertToOptimisticRead(stamp);
        if (converted != 0) {
            Hooks.released(l);
        }
        return converted;
    }
}
