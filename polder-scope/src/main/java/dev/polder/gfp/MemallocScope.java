package dev.polder.gfp;

import dev.polder.task.ScopeStack;
import dev.polder.task.Task;
import java.util.Objects;

/// A section in which this thread's allocations may do less, with the reason why: open it where the
/// reason begins, at the lock or transaction, in a try-with-resources.
///
/// ```java
/// private static final ScopeSite HANDLE = ScopeSite.of("journal handle");
/// try (MemallocScope s = MemallocScope.noFs(HANDLE)) { … }
/// ```
///
/// Scopes of a thread nest and close in reverse order. A handle belongs to the thread that opened
/// it, and a compiled try-with-resources allocates nothing for it. (Where the body sometimes
/// throws, and on Java 17 where it could, the compiler keeps the handle: 32 bytes that die at
/// once.) Work handed to another thread does not take the scope along; see `ScopeSnapshot`.
///
/// With a bare `String` the reason is known everywhere, the place only if it was recorded:
/// `-Ddev.polder.scope.places=all` (a stack walk each time), `sampled` (one in 64), `off`
/// (default).
public final class MemallocScope implements AutoCloseable {
    static {
        Wiring.touch();
    }

    private final Task task;
    private final Object site;
    private final ScopeStack.Entry entry;
    private final long word;

    private MemallocScope(Task task, Object site, ScopeStack.Entry entry) {
        this.task = task;
        this.site = site;
        this.entry = entry;
        this.word = task.topWord();
    }

    /// Reclaim below may not call consumers that take store, transaction or cache-structure locks:
    /// allocations lose FS (memalloc_nofs_save).
    public static MemallocScope noFs(ScopeSite site) {
        return open(Task.NOFS, Objects.requireNonNull(site, "site"));
    }

    /// As `noFs(ScopeSite)`, with a bare reason.
    public static MemallocScope noFs(String reason) {
        return open(Task.NOFS, Places.site(reason));
    }

    /// Reclaim below may not start or wait for I/O: allocations lose IO and FS
    /// (memalloc_noio_save).
    public static MemallocScope noIo(ScopeSite site) {
        return open(Task.NOIO, Objects.requireNonNull(site, "site"));
    }

    /// As `noIo(ScopeSite)`, with a bare reason.
    public static MemallocScope noIo(String reason) {
        return open(Task.NOIO, Places.site(reason));
    }

    /// No direct reclaim below, and full use of the reserve (memalloc_noreclaim_save, B8): only for
    /// code that frees more than it takes, soon. Not on threads that may neither block nor reclaim.
    public static MemallocScope noReclaim(ScopeSite site) {
        return open(Task.NORECLAIM, Objects.requireNonNull(site, "site"));
    }

    /// As `noReclaim(ScopeSite)`, with a bare reason.
    public static MemallocScope noReclaim(String reason) {
        return open(Task.NORECLAIM, Places.site(reason));
    }

    /// Reclaim below leaves this domain alone and may take from all others, without waiting for
    /// their locks.
    public static MemallocScope excluding(ReclaimDomain domain, ScopeSite site) {
        Objects.requireNonNull(domain, "domain");
        Objects.requireNonNull(site, "site");
        Task task = Task.current();
        return new MemallocScope(task, site, task.openExcluding(domain, site));
    }

    /// As `excluding(ReclaimDomain, ScopeSite)`, with a bare reason.
    public static MemallocScope excluding(ReclaimDomain domain, String reason) {
        Objects.requireNonNull(domain, "domain");
        Object site = Places.site(reason);
        Task task = Task.current();
        return new MemallocScope(task, site, task.openExcluding(domain, site));
    }

    private static MemallocScope open(int bits, Object site) {
        Task task = Task.current();
        return new MemallocScope(task, site, task.open(bits, site));
    }

    /// Ends the scope.
    ///
    /// @throws IllegalStateException on another thread, a second time, or out of order; the message
    ///     names both scopes with reasons and places. On another thread nothing changes. Out of
    ///     order the scope counts as closed, and its restriction ends when the scopes that were
    ///     opened after it have ended: it never leaks, and never ends while one of them relies on
    ///     it
    @Override
    public void close() {
        if (!task.closeTop(entry, word)) {
            throw task.closeFailed(word, site);
        }
    }

    /// Checks that the current thread is inside no scope, save or exclusion: for
    /// `ThreadPoolExecutor.afterExecute` and the like.
    ///
    /// @throws IllegalStateException naming what is open
    public static void requireNone() {
        Task task = Task.current();
        if (task.insideAny()) {
            throw new IllegalStateException("thread " + task.thread().getName()
                    + " should be inside no scope, but is inside " + task.describeScopes());
        }
    }
}
