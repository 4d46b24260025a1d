package dev.polder.museum;

import java.util.Date;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.concurrent.locks.StampedLock;

/// Every form of locking that the agent rewrites, in one order only; nothing of it is a bug. Throws
/// when one of them does not do what it did before.
@SuppressWarnings({"LockNotBeforeTry", "WaitNotInLoop", "JavaUtilDate"}) // forms, not good code
public final class AllForms implements Runnable {
    private final ReentrantLock plain = new ReentrantLock();
    private final Lock behindInterface = new ReentrantLock();
    private final ReadWriteLock pair = new ReentrantReadWriteLock();
    private final StampedLock stamped = new StampedLock();
    private final Condition condition = plain.newCondition();
    private final Object monitor = new Object();
    private int sum;

    @Override
    public void run() {
        try {
            for (int i = 0; i < 3; i++) {
                sum = 0;
                monitors(i);
                locks();
                views();
                stamps();
                waits();
                check(sum == 17 + i, "the sum");
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what + " is wrong");
        }
    }

    private void monitors(int i) {
        synchronized (monitor) {
            Object merged = i > 1 ? monitor : this; // frames of different types meet here
            synchronized (merged) {
                sum += 1;
            }
        }
        sum += instance(i);
        sum += ofClass(2);
        try {
            throwing();
        } catch (IllegalStateException expected) {
            sum++;
        }
        check(!Thread.holdsLock(this) && !Thread.holdsLock(AllForms.class), "the monitor");
    }

    private synchronized int instance(int i) {
        try {
            return i;
        } finally {
            check(Thread.holdsLock(this), "the monitor inside");
        }
    }

    private static synchronized int ofClass(int i) {
        return i;
    }

    private synchronized void throwing() {
        throw new IllegalStateException("expected");
    }

    private void locks() throws InterruptedException {
        plain.lock();
        try {
            behindInterface.lock();
            sum++;
            behindInterface.unlock();
        } finally {
            plain.unlock();
        }
        behindInterface.lockInterruptibly();
        sum++;
        behindInterface.unlock();
        if (plain.tryLock()) {
            sum++;
            plain.unlock();
        }
        if (plain.tryLock(1, TimeUnit.MILLISECONDS)) {
            sum++;
            plain.unlock();
        }
        check(!plain.isLocked(), "the lock");
    }

    private void views() {
        pair.readLock().lock();
        sum++;
        pair.readLock().unlock();
        pair.writeLock().lock();
        pair.readLock().lock();
        pair.writeLock().unlock();
        sum++;
        pair.readLock().unlock();
        Lock view = stamped.asReadLock();
        view.lock();
        sum++;
        view.unlock();
    }

    private void stamps() throws InterruptedException {
        long stamp = stamped.tryOptimisticRead();
        check(stamped.validate(stamp), "the optimistic read");
        stamp = stamped.tryConvertToReadLock(stamp);
        stamp = stamped.tryConvertToWriteLock(stamp);
        check(stamp != 0 && stamped.isWriteLocked(), "the conversion");
        stamped.unlock(stamp);
        stamp = stamped.writeLock();
        sum++;
        stamped.unlockWrite(stamp);
        stamp = stamped.readLockInterruptibly();
        sum++;
        stamped.unlockRead(stamp);
        stamp = stamped.tryWriteLock(1, TimeUnit.MILLISECONDS);
        check(stamped.tryUnlockWrite(), "the try");
        sum += stamp == 0 ? 0 : 1;
    }

    private void waits() throws InterruptedException {
        plain.lock();
        plain.lock();
        try {
            check(condition.awaitNanos(1) <= 0, "the wait");
            sum += condition.await(1, TimeUnit.NANOSECONDS) ? 0 : 1;
            sum += condition.awaitUntil(new Date(0)) ? 0 : 1;
            check(plain.getHoldCount() == 2, "the hold count");
        } finally {
            plain.unlock();
            plain.unlock();
        }
        synchronized (monitor) {
            monitor.wait(1);
            monitor.wait(0, 1);
            sum++;
        }
    }

    /// Runs it, and then a faulty program, for a JVM with the agent.
    public static void main(String[] args) {
        new AllForms().run();
        if (args.length > 0) {
            new Flink9676.Bug().run();
        }
    }
}
