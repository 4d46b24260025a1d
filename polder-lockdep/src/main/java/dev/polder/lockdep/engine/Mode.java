package dev.polder.lockdep.engine;

/// How a lock is taken, as bits: exclusively unless `SHARED`, waiting unless `TRY`.
public final class Mode {
    /// Exclusively, waiting for it.
    public static final int EXCLUSIVE = 0;

    /// Shared with other readers. Still waits for writers, also for those that only queue, and so
    /// counts for the order as an exclusive one does (the kernel's rwsem).
    public static final int SHARED = 1;

    /// Without waiting, or for a bounded time: such an attempt can never be the waiting end of a
    /// deadlock, so it adds no edge into the lock. Once held it is as good a holder as any.
    public static final int TRY = 2;

    /// Not reentrant: to take it again is to wait for oneself (StampedLock).
    public static final int NOT_REENTRANT = 4;

    static final int BITS = 3;
    static final int ALL = (1 << BITS) - 1;

    private Mode() {}

    /// The mode in words.
    static String toString(int mode) {
        String how = (mode & SHARED) != 0 ? "shared" : "exclusive";
        return (mode & TRY) != 0 ? how + ", tried" : how;
    }
}
