package dev.polder.gfp;

import dev.polder.task.Task;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/// A lock whose holder excludes a domain. Made by `ReclaimDomain.guard`.
final class GuardedLock implements Lock {
    /*
     * The exclusion is entered before the lock is asked for and left after it is released. Between
     * the two, the thread holds nothing yet or no longer, and an exclusion without a lock only
     * makes reclaim more careful; a lock without its exclusion would be the bug that guards
     * prevent. Both happen on one thread, so there is no race: what matters is that no allocation
     * of this thread (in a listener of the lock, in a signal-like callback) falls between lock and
     * exclusion.
     *
     * The exclusion's holder is this object, so each guard knows how often the thread has it: await
     * gives back exactly that, and unlock on a thread that never locked is refused before the lock
     * underneath is touched.
     */

    private final Lock lock;
    private final ReclaimDomain domain;
    private final ScopeSite site;
    private final @Nullable GuardedReadWriteLock pair;

    GuardedLock(
            Lock lock, ReclaimDomain domain, ScopeSite site, @Nullable GuardedReadWriteLock pair) {
        this.lock = lock;
        this.domain = domain;
        this.site = site;
        this.pair = pair;
    }

    @Override
    public void lock() {
        Task task = enter();
        boolean got = false;
        try {
            lock.lock();
            got = true;
        } finally {
            settle(task, got);
        }
    }

    @Override
    public void lockInterruptibly() throws InterruptedException {
        Task task = enter();
        boolean got = false;
        try {
            lock.lockInterruptibly();
            got = true;
        } finally {
            settle(task, got);
        }
    }

    @Override
    public boolean tryLock() {
        Task task = enter();
        boolean got = false;
        try {
            got = lock.tryLock();
        } finally {
            settle(task, got);
        }
        return got;
    }

    @Override
    public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
        Task task = enter();
        boolean got = false;
        try {
            got = lock.tryLock(time, unit);
        } finally {
            settle(task, got);
        }
        return got;
    }

    @Override
    public void unlock() {
        Task task = Task.current();
        if (task.heldBy(this) == 0) {
            throw new IllegalMonitorStateException("thread " + task.thread().getName()
                    + " does not hold the lock that guards domain '" + domain + "' for " + site
                    + "; lock and unlock through the guard, on one thread");
        }
        lock.unlock();
        task.unexclude(domain, site, this, 1);
        FsReclaim.guardReleased(domain, this);
    }

    @Override
    public Condition newCondition() {
        return new GuardedCondition(lock.newCondition(), this);
    }

    private Task enter() {
        Task task = Task.current();
        task.exclude(domain, site, this, 1);
        return task;
    }

    private void settle(Task task, boolean got) {
        if (got) {
            FsReclaim.guardAcquired(domain, this, site);
        } else {
            task.unexclude(domain, site, this, 1);
        }
    }

    /// Leaves the exclusion wholly, for a wait that releases the lock wholly; returns how often it
    /// was entered.
    int leaveForWait() {
        int count = Task.current().unexclude(domain, site, this, Integer.MAX_VALUE);
        for (int i = 0; i < count; i++) {
            FsReclaim.guardReleased(domain, this);
        }
        return count;
    }

    /// Enters again what `leaveForWait` left.
    void enterAfterWait(int count) {
        if (count > 0) {
            Task.current().exclude(domain, site, this, count);
        }
        for (int i = 0; i < count; i++) {
            FsReclaim.guardAcquired(domain, this, site);
        }
    }

    /// Whether the thread holds this lock, the other side of its pair, or the lock underneath.
    boolean heldByCurrentThread() {
        return heldThroughGuard()
                || (pair != null && pair.heldByCurrentThread())
                || LockHeld.byCurrentThread(lock);
    }

    boolean heldThroughGuard() {
        return Task.current().heldBy(this) > 0;
    }

    @Override
    public String toString() {
        return "guard of domain '" + domain + "' by " + site + " over " + lock;
    }
}
