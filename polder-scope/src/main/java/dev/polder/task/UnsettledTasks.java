package dev.polder.task;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The tasks of platform threads that found no slot in the table of [Task], by the thread's id: for
/// those whose thread-locals are erased while they live.
///
/// Asked when a thread has no thread-local task, so once for each thread, or each time that its
/// thread-locals were erased. Tasks of threads that ended are dropped by the reaper's daemon, and
/// at the latest when the map has twice as many entries as it had live ones before.
final class UnsettledTasks {
    /// Entries that are not worth a look.
    static final int FEW = 64;

    // Guarded by the class
    private static final Map<Long, Task> ALL = new HashMap<>();
    private static int sweepAt = FEW;

    private UnsettledTasks() {}

    /// The task of the thread with that id; null if it never had one here.
    static synchronized @Nullable Task find(Thread thread, long id) {
        Task task = ALL.get(id);
        return task != null && task.refersTo(thread) ? task : null;
    }

    static synchronized void add(Task task) {
        if (ALL.size() >= sweepAt) {
            sweep();
        }
        ALL.put(task.threadId(), task);
    }

    /// Forgets the threads that ended.
    static synchronized void sweep() {
        ALL.values().removeIf(Task::ended);
        sweepAt = Math.max(FEW, 2 * ALL.size());
    }

    static synchronized int size() {
        return ALL.size();
    }
}
