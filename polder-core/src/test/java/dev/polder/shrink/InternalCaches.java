package dev.polder.shrink;

import dev.polder.task.Task;

/// Empties Polder's own caches, as a reclaim does that wants all there is, without asking a
/// consumer.
public final class InternalCaches {
    private InternalCaches() {}

    /// Runs every internal reclaimer of a pool, on the calling thread.
    public static void giveUp(ShrinkerRegistry registry) {
        Task task = Task.current();
        int token = task.enterReclaim();
        try {
            for (InternalReclaimer r : registry.internals()) {
                r.reclaim(Long.MAX_VALUE);
            }
        } finally {
            task.leaveReclaim(token);
        }
    }
}
