package dev.polder.os;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/// Lets threads in until it is closed, and closes only when all have left.
final class Gate {
    /// Set in [#state] once closed; the bits below count the threads inside.
    private static final int CLOSED = 1 << 30;
    /// Pause between two looks at the threads inside: about the length of one system call.
    private static final long PAUSE_NANOS = 20_000;

    private final AtomicInteger state = new AtomicInteger();

    /// False once closed; otherwise [#leave] must follow.
    boolean enter() {
        int now = state.get();
        while ((now & CLOSED) == 0) {
            int seen = state.compareAndExchange(now, now + 1);
            if (seen == now) {
                return true;
            }
            now = seen;
        }
        return false;
    }

    void leave() {
        int left = state.decrementAndGet();
        assert (left & ~CLOSED) < CLOSED && left >= 0 : left;
    }

    /// Closes and waits until all have left. They are inside a system call, so they do leave, and a
    /// polled wait is short. A second close only waits.
    void close() {
        state.getAndUpdate(now -> now | CLOSED);
        boolean interrupted = false;
        while (state.get() != CLOSED) {
            // A flag that is set would turn the pause into a spin.
            interrupted |= Thread.interrupted();
            // Not parked for ever: who leaves does not unpark, which keeps leaving cheap.
            LockSupport.parkNanos(this, PAUSE_NANOS);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
