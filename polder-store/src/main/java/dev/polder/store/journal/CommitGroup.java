package dev.polder.store.journal;

import dev.polder.store.cache.Page;
import dev.polder.store.file.StoreMeta;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The transactions that become durable together. jbd2's transaction; ours are its handles.
///
/// Under the journal's lock, but for `pages` and `meta`: those are written by the holder of the
/// group's one transaction handle, and read by the committer when no handle is open.
final class CommitGroup {
    /// Where a group is in its life; [Journal] has the diagram.
    enum State {
        /// Takes handles.
        RUNNING,
        /// Takes no more; waits for those that are open.
        LOCKED,
        /// Nobody changes it; it is being written.
        WRITING
    }

    final long id;
    final Map<Long, Page> pages = new HashMap<>();
    final List<JournalHandle> handles = new ArrayList<>(2);
    State state = State.RUNNING;
    StoreMeta meta;
    int evictions;
    int transactions;
    boolean wroteRuns;
    long changedNanos;

    CommitGroup(long id, StoreMeta meta) {
        this.id = id;
        this.meta = meta;
    }

    boolean changed() {
        return transactions > 0;
    }

    boolean inUse() {
        return !handles.isEmpty() || evictions > 0;
    }
}
