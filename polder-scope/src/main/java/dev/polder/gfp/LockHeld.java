package dev.polder.gfp;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/// Tells whether the current thread holds a lock, which `Lock` itself does not say.
final class LockHeld {
    private LockHeld() {}

    static boolean byCurrentThread(Lock lock) {
        if (lock instanceof GuardedLock guarded) {
            return guarded.heldByCurrentThread();
        }
        if (lock instanceof ReentrantLock reentrant) {
            return reentrant.isHeldByCurrentThread();
        }
        if (lock instanceof ReentrantReadWriteLock.WriteLock write) {
            return write.isHeldByCurrentThread();
        }
        return FsReclaim.trackerHolds(lock);
    }
}
