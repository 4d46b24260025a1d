package dev.polder.os;

import java.lang.foreign.Arena;
import java.util.concurrent.locks.LockSupport;

/// The arena of a pool's segment. The JDK refuses to close one that a thread is inside of: a memset
/// for some microseconds, a read of a channel into the segment for as long as nothing comes. So a
/// close waits a little, and when it has to give up it can be tried again.
final class SharedArena {
    /// Real time for which [#close] waits: a thousand times as long as a memset takes.
    private static final long PATIENCE_NANOS = 1_000_000_000L;
    private static final long PAUSE_NANOS = 20_000;

    private final Arena arena = Arena.ofShared();

    /// What segments are bounded by.
    Arena arena() {
        return arena;
    }

    /// Ends the segments. Does nothing if that is done. One thread at a time.
    ///
    /// @throws IllegalStateException if a thread stays inside of one; they live on then
    void close() {
        long started = System.nanoTime();
        boolean interrupted = false;
        try {
            while (arena.scope().isAlive() && !tryClose(started)) {
                // A flag that is set would turn the pause into a spin.
                interrupted |= Thread.interrupted();
                LockSupport.parkNanos(this, PAUSE_NANOS);
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private boolean tryClose(long started) {
        try {
            arena.close();
            return true;
        } catch (IllegalStateException e) {
            if (System.nanoTime() - started > PATIENCE_NANOS) {
                throw new IllegalStateException("a thread is still inside an access to this memory,"
                        + " such as a read of a channel into it; it stays until that thread has"
                        + " come out and close is called again", e);
            }
            return false;
        }
    }
}
