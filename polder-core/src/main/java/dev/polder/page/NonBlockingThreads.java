package dev.polder.page;

import dev.polder.gfp.Gfp;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Threads that were declared non-blocking: event loops, above all. Process-wide, as threads are.
///
/// Notes
///
/// Until the first thread is declared a request pays one plain read of a static; afterwards a
/// request that could block pays a look-up in a weak map.
public final class NonBlockingThreads {
    /// Guards the map, which changes also when it is read; a leaf.
    private static final ReentrantLock LOCK = new ReentrantLock();
    private static final Map<Thread, Mode> DECLARED = new WeakHashMap<>();
    private static volatile boolean any;

    private NonBlockingThreads() {}

    /// What is done about a request that could block.
    enum Mode {
        /// Let it be.
        ALLOW,
        /// Tell of it.
        REPORT,
        /// Take DIRECT_RECLAIM away, unless it has NOFAIL: then tell of it (row B17).
        NARROW
    }

    /// Declares a thread; the last declaration counts.
    public static void declare(Thread thread, boolean report, boolean narrow) {
        LOCK.lock();
        try {
            DECLARED.put(thread, narrow ? Mode.NARROW : report ? Mode.REPORT : Mode.ALLOW);
        } finally {
            LOCK.unlock();
        }
        any = true;
    }

    /// True if the current thread was declared, whatever its mode.
    public static boolean isCurrent() {
        return any && declared() != null;
    }

    /// What is left of a mask on the current thread: without DIRECT_RECLAIM where its policy
    /// narrows requests, unless it has NOFAIL. For those who wait for more than pages.
    public static int narrow(int gfp) {
        boolean narrows = any && (gfp & Gfp.NOFAIL) == 0 && modeOfCurrent() == Mode.NARROW;
        return narrows ? gfp & ~Gfp.DIRECT_RECLAIM : gfp;
    }

    /// The mode of the current thread.
    static Mode modeOfCurrent() {
        Mode mode = any ? declared() : null;
        return mode == null ? Mode.ALLOW : mode;
    }

    private static @Nullable Mode declared() {
        LOCK.lock();
        try {
            return DECLARED.get(Thread.currentThread());
        } finally {
            LOCK.unlock();
        }
    }
}
