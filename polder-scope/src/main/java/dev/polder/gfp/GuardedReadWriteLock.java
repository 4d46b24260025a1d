package dev.polder.gfp;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/// A pair of locks, either of whose holders excludes a domain. Made by `ReclaimDomain.guard`.
final class GuardedReadWriteLock implements ReadWriteLock {
    private final ReadWriteLock pair;
    private final GuardedLock read;
    private final GuardedLock write;

    GuardedReadWriteLock(ReadWriteLock pair, ReclaimDomain domain, ScopeSite site) {
        this.pair = pair;
        this.read = new GuardedLock(pair.readLock(), domain, site, this);
        this.write = new GuardedLock(pair.writeLock(), domain, site, this);
    }

    @Override
    public Lock readLock() {
        return read;
    }

    @Override
    public Lock writeLock() {
        return write;
    }

    /// Whether the thread holds either side, also when it took it without the guard.
    boolean heldByCurrentThread() {
        if (read.heldThroughGuard() || write.heldThroughGuard()) {
            return true;
        }
        if (pair instanceof ReentrantReadWriteLock reentrant) {
            return reentrant.getReadHoldCount() > 0 || reentrant.isWriteLockedByCurrentThread();
        }
        return false;
    }

    @Override
    public String toString() {
        return "guarded " + pair;
    }
}
