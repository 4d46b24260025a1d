package dev.polder.store.journal;

import static dev.polder.store.file.PageImage.I64;

import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ScopeSite;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// A thread's part in the running commit group: while it is open the group cannot be committed.
/// jbd2's `handle_t`.
///
/// Here the reason begins why this thread's allocations must not reclaim into its store: eviction
/// there may wait for the group's commit, which waits for this handle. So here the scope is opened,
/// and it says so; whatever is allocated below needs no mask of its own.
///
/// Of one thread: opened and closed by it, and closed in the reverse order of other scopes.
public final class JournalHandle implements AutoCloseable {
    private static final ScopeSite SITE =
            ScopeSite.of("journal handle: the commit waits for it, eviction waits for the commit");

    private final Journal journal;
    private final StorePool pool;
    private final Thread owner = Thread.currentThread();
    private final long openedNanos = System.nanoTime();
    private final long note;
    private final @Nullable MemallocScope scope;
    private final CommitGroup group;
    private boolean open = true;

    /// Joins the running group; waits while that is locked or full.
    ///
    /// @throws IOException if there is no memory for the handle, or the journal has failed
    JournalHandle(Journal journal, StorePool pool) throws IOException {
        this.journal = journal;
        this.pool = pool;
        note = pool.handle();
        try {
            group = journal.join(this);
        } catch (IOException | RuntimeException e) {
            pool.freeHandle(note);
            throw e;
        }
        scope = pool.hold(journal.domain(), SITE);
        long at = pool.offset(note);
        pool.memory().set(I64, at, group.id);
        pool.memory().set(I64, at + 8, owner.threadId());
        pool.memory().set(I64, at + 16, openedNanos);
        pool.memory().set(I64, at + 24, 0);
    }

    /// Number of the commit group.
    public long groupId() {
        return group.id;
    }

    CommitGroup group() {
        return group;
    }

    Thread owner() {
        return owner;
    }

    long openedNanos() {
        return openedNanos;
    }

    /// Notes in the handle's record how many pages the transaction changed.
    void changed(long pages) {
        pool.memory().set(I64, pool.offset(note) + 24, pages);
    }

    /// Leaves the group; the second time does nothing.
    @Override
    public void close() {
        if (!open) {
            return;
        }
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("the transaction is of " + owner.getName()
                    + "; only that thread can end it");
        }
        open = false;
        journal.leave(this);
        try {
            if (scope != null) {
                scope.close();
            }
        } finally {
            pool.freeHandle(note);
        }
    }
}
