package dev.polder;

import dev.polder.os.Clock;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/// A clock on which every wait for a time is over at once, and has taken that time. Who waits for
/// another thread waits for it really.
final class FuzzClock implements Clock {
    private final AtomicLong now = new AtomicLong();

    @Override
    public long nanos() {
        return now.get();
    }

    @Override
    public void park(Object blocker, long nanos) {
        if (nanos > 0) {
            now.addAndGet(nanos);
            Thread.onSpinWait();
        } else {
            LockSupport.park(blocker);
        }
    }

    @Override
    public void unpark(Thread thread) {
        LockSupport.unpark(thread);
    }
}
