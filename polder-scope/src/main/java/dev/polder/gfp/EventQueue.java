package dev.polder.gfp;

import java.util.ArrayDeque;
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
            events.add(event);
            accepted++;
            if (!started) {
                started = start();
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    boolean awaitDelivered(long nanos) throws InterruptedException {
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
            try {
                event.accept(to == null ? LOGGING : to);
            } catch (Throwable thrown) {
                complain(thrown);
            }
            done();
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
