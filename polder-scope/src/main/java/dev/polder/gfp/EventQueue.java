package dev.polder.gfp;

import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Carries events from the threads that have trouble to the one thread that tells of it.
final class EventQueue implements Runnable {
    /// Undelivered events kept. A burst of trouble says the same thing many times; who is behind by
    /// this many is told of the number instead.
    static final int CAPACITY = 256;

    static final EventQueue INSTANCE = new EventQueue();

    /// The default listener: every method's default.
    private static final PolderEvents LOGGING = new PolderEvents() {};

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // Guarded by lock. accepted = delivered + events.size() + (delivering ? 1 : 0)
    private final ArrayDeque<Consumer<PolderEvents>> events = new ArrayDeque<>(CAPACITY + 1);
    private long accepted;
    private long delivered;
    private long dropped;
    private boolean started;

    private volatile @Nullable PolderEvents listener;
    /// The delivering thread.
    private volatile @Nullable Thread thread;

    EventQueue() {}

    @Nullable PolderEvents listen(@Nullable PolderEvents newOne) {
        if (newOne instanceof HandOver) {
            throw new IllegalArgumentException("the reporter hands events to the listener and"
                    + " cannot be it; pass null for the default");
        }
        lock.lock();
        try {
            PolderEvents old = listener;
            listener = newOne;
            return old;
        } finally {
            lock.unlock();
        }
    }

    /// Hands one event over. The lock is held by either side for a few instructions only.
    void offer(Consumer<PolderEvents> event) {
        lock.lock();
        try {
            if (events.size() >= CAPACITY) {
                dropped++;
                return;
            }
            accept(event);
        } finally {
            lock.unlock();
        }
    }

    /// Hands one event over that must not be lost, and waits until the listener has returned from
    /// it, at most `nanos`; who is the listener itself calls itself. A listener that did not begin
    /// with it in time, or that no thread calls, does not get it: the caller logs it. The interrupt
    /// flag is kept and does not end the wait.
    void deliver(Consumer<PolderEvents> event, long nanos) {
        PolderEvents to = listener;
        if (Thread.currentThread() == thread) {
            tell(event, to == null ? LOGGING : to);
            return;
        }
        AtomicBoolean begun = new AtomicBoolean();
        boolean inTime = acceptAndAwait(listening -> {
            if (begun.compareAndSet(false, true)) {
                event.accept(listening);
            }
        }, nanos);
        // Without a listener it is the log that hangs, and would again.
        if (!inTime && begun.compareAndSet(false, true) && (to != null || !started())) {
            tell(event, LOGGING);
        }
    }

    private boolean acceptAndAwait(Consumer<PolderEvents> event, long nanos) {
        boolean interrupted = Thread.interrupted();
        long end = System.nanoTime() + nanos;
        lock.lock();
        try {
            // May exceed the capacity, by one for each thread that waits here.
            accept(event);
            long target = accepted;
            long left = nanos;
            while (delivered < target && started && left > 0) {
                try {
                    left = changed.awaitNanos(end - System.nanoTime());
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            return delivered >= target;
        } finally {
            lock.unlock();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private boolean started() {
        lock.lock();
        try {
            return started;
        } finally {
            lock.unlock();
        }
    }

    /// With the lock held.
    private void accept(Consumer<PolderEvents> event) {
        events.add(event);
        accepted++;
        if (!started) {
            started = start();
        }
        changed.signalAll();
    }

    boolean awaitDelivered(long nanos) throws InterruptedException {
        if (Thread.currentThread() == thread) {
            return false;
        }
        long left = nanos;
        lock.lockInterruptibly();
        try {
            long target = accepted;
            while (delivered < target) {
                if (left <= 0) {
                    return false;
                }
                left = changed.awaitNanos(left);
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    long dropped() {
        lock.lock();
        try {
            return dropped;
        } finally {
            lock.unlock();
        }
    }

    /// Starts the delivering thread; false when none can be had now. Reporting must not fail for
    /// it.
    private boolean start() {
        try {
            Thread t = new Thread(null, this, "polder-events", 0, false);
            t.setDaemon(true);
            t.setContextClassLoader(null);
            thread = t;
            t.start();
            return true;
        } catch (OutOfMemoryError noThread) {
            return false;
        }
    }

    @Override
    public void run() {
        for (;;) {
            Consumer<PolderEvents> event = take();
            PolderEvents to = listener;
            tell(event, to == null ? LOGGING : to);
            done();
        }
    }

    private static void tell(Consumer<PolderEvents> event, PolderEvents to) {
        try {
            event.accept(to);
        } catch (Throwable thrown) {
            complain(thrown);
        }
    }

    private Consumer<PolderEvents> take() {
        lock.lock();
        try {
            for (;;) {
                Consumer<PolderEvents> event = events.poll();
                if (event != null) {
                    return event;
                }
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    private void done() {
        lock.lock();
        try {
            delivered++;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /// A listener's throw must not end the thread, and neither may telling of it.
    private static void complain(Throwable thrown) {
        try {
            LOGGING.trouble("", "the listener of PolderEvents threw", thrown);
        } catch (Throwable worse) {
            // Nothing is left to tell it to: the logger itself threw.
            assert worse != null;
        }
    }
}
