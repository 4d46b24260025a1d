package dev.polder.os;

/// A clock for a race between one waiter and one waker, which is over when the waker says so: only
/// then does the waiter's time run out. A wait that ends so was not woken, and never would be.
final class SpinClock implements Clock {
    private volatile boolean permit;
    private volatile boolean over;
    /// The waiter's alone.
    private long now;

    /// The waker has done all it does.
    void over() {
        over = true;
    }

    @Override
    public long nanos() {
        if (over) {
            now++;
        }
        return now;
    }

    @Override
    public void park(Object blocker, long nanos) {
        while (!permit && !over) {
            Thread.onSpinWait();
        }
        permit = false;
    }

    @Override
    public void unpark(Thread thread) {
        permit = true;
    }
}
