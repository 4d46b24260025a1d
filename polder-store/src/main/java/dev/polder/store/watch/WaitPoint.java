package dev.polder.store.watch;

import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/// A lock's one condition, on which threads wait for this and that; every wait stands on the notice
/// board and is counted.
public final class WaitPoint {
    private final Condition changed;
    private final LongAdder stalls = new LongAdder();
    private final LongAdder stallNanos = new LongAdder();

    /// The wait point of `lock`.
    public WaitPoint(ReentrantLock lock) {
        this.changed = lock.newCondition();
    }

    /// Waits until `over`, however long; an interrupt does not end it and is kept. With the lock
    /// held, in which `over` is asked.
    public void await(String resource, BooleanSupplier over) {
        if (over.getAsBoolean()) {
            return;
        }
        long began = System.nanoTime();
        stalls.increment();
        try (Waits.Waiting _ = Waits.begin(resource)) {
            while (!over.getAsBoolean()) {
                changed.awaitUninterruptibly();
            }
        } finally {
            stallNanos.add(System.nanoTime() - began);
        }
    }

    /// The condition itself, for a thread that waits for work: that is no stall.
    public Condition condition() {
        return changed;
    }

    /// Something changed. With the lock held.
    public void wakeAll() {
        changed.signalAll();
    }

    /// Waits so far.
    public long stalls() {
        return stalls.sum();
    }

    /// Time in them.
    public long stallNanos() {
        return stallNanos.sum();
    }
}
