package dev.polder.os;

/// One waiter for a condition and one waker who makes it true: the state of a jcstress test.
class WokenWaiter {
    private final SpinClock clock = new SpinClock();
    private final WaitQueue queue = new WaitQueue(clock);
    private volatile boolean condition;

    /// Waits once, after a look at the sequence; whether it saw the condition or was woken.
    final boolean await() {
        long seen = queue.sequence();
        return condition || queue.await(seen, 1);
    }

    /// The same with the look at the sequence behind that at the condition.
    final boolean awaitLookingLate() {
        return condition || queue.await(queue.sequence(), 1);
    }

    final void wakeAll() {
        condition = true;
        queue.wakeAll();
        clock.over();
    }

    final void wakeOne() {
        condition = true;
        queue.wakeOne();
        clock.over();
    }
}
