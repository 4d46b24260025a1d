package dev.polder.gfp;

import java.util.Date;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;

/// A condition of a guarded lock: its waits release the lock, so they leave the exclusion and enter
/// it again, whatever way they end.
@SuppressWarnings("WaitNotInLoop") // the caller loops
final class GuardedCondition implements Condition {
    private final Condition condition;
    private final GuardedLock lock;

    GuardedCondition(Condition condition, GuardedLock lock) {
        this.condition = condition;
        this.lock = lock;
    }

    @Override
    public void await() throws InterruptedException {
        int count = lock.leaveForWait();
        try {
            condition.await();
        } finally {
            lock.enterAfterWait(count);
        }
    }

    @Override
    public void awaitUninterruptibly() {
        int count = lock.leaveForWait();
        try {
            condition.awaitUninterruptibly();
        } finally {
            lock.enterAfterWait(count);
        }
    }

    @Override
    public long awaitNanos(long nanos) throws InterruptedException {
        int count = lock.leaveForWait();
        try {
            return condition.awaitNanos(nanos);
        } finally {
            lock.enterAfterWait(count);
        }
    }

    @Override
    public boolean await(long time, TimeUnit unit) throws InterruptedException {
        int count = lock.leaveForWait();
        try {
            return condition.await(time, unit);
        } finally {
            lock.enterAfterWait(count);
        }
    }

    @Override
    public boolean awaitUntil(Date deadline) throws InterruptedException {
        int count = lock.leaveForWait();
        try {
            return condition.awaitUntil(deadline);
        } finally {
            lock.enterAfterWait(count);
        }
    }

    @Override
    public void signal() {
        condition.signal();
    }

    @Override
    public void signalAll() {
        condition.signalAll();
    }
}
