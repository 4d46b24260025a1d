package dev.polder.page;

import dev.polder.os.Clock;
import dev.polder.os.VirtualClock;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A thread that makes one request on virtual time, and a test that moves the time under it.
///
/// Notes
///
/// When the request has ended the thread parks on the same clock, so that the test can wait for
/// "parked" in both cases and then look which it was: no real time decides. An interrupt that is
/// still pending then would keep it from parking, and has done its part.
public final class Asker<T> implements AutoCloseable {
    private final VirtualClock clock;
    /// Threads that park besides this one whenever it does: a pool's kswapd, say.
    private final int others;
    private final Thread thread;
    private final AtomicReference<@Nullable T> answer = new AtomicReference<>();
    private final AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    private volatile boolean done;
    private volatile boolean released;

    Asker(VirtualClock clock, Supplier<T> request) {
        this(clock, 0, request);
    }

    /// Asks beside `others` threads that park on the same clock.
    public Asker(VirtualClock clock, int others, Supplier<T> request) {
        this.clock = clock;
        this.others = others;
        this.thread = Thread.ofPlatform().name("asker").daemon().unstarted(() -> {
            try {
                answer.set(request.get());
            } catch (Throwable t) {
                thrown.set(t);
            }
            Thread.interrupted();
            done = true;
            while (!released) {
                clock.park(this, 0);
            }
        });
        thread.start();
    }

    /// Lets `nanos` of virtual time pass, tick by tick; true if the request ended meanwhile.
    public boolean endsWithin(long nanos) {
        for (long at = 0; at < nanos; at += Clock.TICK_NANOS) {
            clock.awaitParked(others + 1);
            if (done) {
                return true;
            }
            clock.advance(Clock.TICK_NANOS);
        }
        clock.awaitParked(others + 1);
        return done;
    }

    Thread thread() {
        return thread;
    }

    /// What the request returned; it must have ended without throwing.
    T answer() {
        return Objects.requireNonNull(answer.get(), "the request has no answer");
    }

    public @Nullable Throwable thrown() {
        return thrown.get();
    }

    /// Ends the thread. If the request has not ended the test has failed already, and the daemon
    /// thread is left to its wait.
    @Override
    public void close() {
        released = true;
        if (done) {
            clock.unpark(thread);
            join();
        }
    }

    private void join() {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while a request's thread ends", e);
        }
    }
}
