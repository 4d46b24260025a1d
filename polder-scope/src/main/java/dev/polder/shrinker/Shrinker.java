package dev.polder.shrinker;

/// Something that holds memory which it can give back when asked (the kernel's `struct shrinker`).
///
/// **Caller and thread.** Either a thread that asked for memory and must now reclaim (direct
/// reclaim: any thread, with whatever locks its own code holds), or the pool's background
/// reclaimer. Two threads may be inside one shrinker at a time.
///
/// **Locks.** Polder holds none of its own during either call (rule R2). Which of the program's
/// locks the calling thread holds is what the `ShrinkControl` tells: obey its mask, `mayEnter`,
/// `mayWait` and take locks through `tryEnter` whenever `mayWait()` is false.
///
/// **Memory.** An allocation made here never reclaims again (B9); it may use the reserve.
///
/// **Failure.** A throw counts as `STOP`: the work is deferred, the throw is reported once, and the
/// allocating thread never sees it.
///
/// **Rule for authors (F2).** No deadlock test in `count`: do it in `scan` and answer `STOP`, so
/// that the work is deferred to a caller that may do it. Refusing in `count` silently loses it.
public interface Shrinker {
    /// Answer of `scan`: nothing more can be done for this caller now; what was asked is deferred
    /// (the kernel's SHRINK_STOP, F7).
    long STOP = -1L;

    /// Answer of `count`: there is nothing at all (the kernel's SHRINK_EMPTY, F1).
    long EMPTY = -2L;

    /// How many objects could be freed: an estimate, cheap, without waiting for any lock.
    ///
    /// @param sc what this caller may do
    /// @return the number of objects; 0 for "cannot tell, skip now": nothing is scanned and nothing
    ///     deferred; `EMPTY` when there is none
    long count(ShrinkControl sc);

    /// Frees up to `sc.toScan()` objects.
    ///
    /// @param sc what this caller may do and how much it asks for; call `sc.scanned(n)` when fewer
    ///     objects were looked at than asked for
    /// @return the number of objects freed, or `STOP`
    long scan(ShrinkControl sc);
}
