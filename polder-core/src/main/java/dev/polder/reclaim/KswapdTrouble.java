package dev.polder.reclaim;

import dev.polder.gfp.PolderEvents;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;

/// Tells the pool's listener what happened to kswapd, in words a person can act on.
final class KswapdTrouble {

    /// Frames of the stuck thread's stack that are told: enough to leave the lock's own code and
    /// reach the consumer's.
    private static final int DEPTH = 12;

    private KswapdTrouble() {
    }

    /// kswapd has been inside a shrinker for `millis`. Slow: not for an allocating thread.
    static void stuck(PolderEvents events, String pool, Thread worker, String shrinker,
            long millis) {
        try {
            events.shrinkerStuck(pool, shrinker, describe(worker), millis);
        } catch (Throwable listener) {
            threw(events, pool, listener);
        }
    }

    /// Something came out of kswapd's own loop, and was survived.
    static void threw(PolderEvents events, String pool, Throwable thrown) {
        try {
            events.trouble(pool, "kswapd survived a throw and goes on", thrown);
        } catch (Throwable listener) {
            thrown.addSuppressed(listener);
        }
    }

    private static String describe(Thread worker) {
        ThreadInfo info = ManagementFactory.getThreadMXBean()
                .getThreadInfo(worker.threadId(), DEPTH);
        if (info == null) {
            return "its thread has ended";
        }
        StringBuilder text = new StringBuilder("thread ").append(info.getThreadName())
                .append(" is ").append(info.getThreadState());
        if (info.getLockName() != null) {
            text.append(", waits for ").append(info.getLockName());
            if (info.getLockOwnerName() != null) {
                text.append(", owned by thread ").append(info.getLockOwnerName());
            }
        }
        for (StackTraceElement frame : info.getStackTrace()) {
            text.append(System.lineSeparator()).append("    at ").append(frame);
        }
        return text.toString();
    }
}
