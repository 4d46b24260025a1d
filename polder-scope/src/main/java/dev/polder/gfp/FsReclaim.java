package dev.polder.gfp;

import dev.polder.task.Task;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/// The port through which a lock checker hears of allocation and reclaim (the kernel's
/// fs_reclaim_acquire, fs_reclaim_release and might_alloc, rows K1-K5).
///
/// Without a tracker every method does nothing, and compiled code has nothing of it. Which locks a
/// domain stands for, and which pseudo-locks FS and IO are, is the tracker's business; here is only
/// what is announced, and when.
public final class FsReclaim {
    private FsReclaim() {}

    /// Whoever serves a request by reclaim when memory is short: a pool. Known to a tracker with
    /// each request, so that it can have both halves of a cycle shown while memory is plenty.
    public interface Reclaimer {
        /// Runs, once, every callback that direct reclaim for this mask may run on this thread now,
        /// and asks each for as little as can be: no object, then one. The thread, the mask,
        /// `mayWait`, the domains passed over and what is announced are those of direct reclaim.
        /// Does nothing on a thread that is in reclaim already (R3).
        ///
        /// @param effectiveGfp the mask, narrowed by the scopes
        void force(int effectiveGfp);

        /// The pool's name. Requests and reclaim of one name belong together, those of two names do
        /// not: reclaim for one pool never calls the callbacks of another. Empty for an allocator
        /// that is alone.
        default String pool() {
            return "";
        }
    }

    /// Stands for whoever announces without saying who it is.
    private static final Reclaimer UNNAMED = gfp -> {};

    /// Hears of allocation and reclaim, on the thread that does it. Must not allocate from Polder,
    /// block, or throw, except to fail a test.
    public interface Tracker {
        /// A request that may reclaim directly was made, also when it is then served at once (K3).
        /// FS and IO in the mask tell which pseudo-locks it would take (K2).
        void mightAlloc(int effectiveGfp);

        /// The same, from an allocator that can show its reclaim.
        ///
        /// @param from may be made to reclaim now: no lock of its own is held
        default void mightAlloc(int effectiveGfp, Reclaimer from) {
            mightAlloc(effectiveGfp);
        }

        /// Direct or background reclaim begins on this thread.
        void reclaimEnter(int effectiveGfp);

        /// Reclaim ends; the mask is the one of its begin.
        void reclaimLeave(int effectiveGfp);

        /// Reclaim of this pool begins; `reclaimEnter(int)` unless overridden.
        default void reclaimEnter(int effectiveGfp, Reclaimer whose) {
            reclaimEnter(effectiveGfp);
        }

        /// Reclaim of this pool ends; `reclaimLeave(int)` unless overridden.
        default void reclaimLeave(int effectiveGfp, Reclaimer whose) {
            reclaimLeave(effectiveGfp);
        }

        /// A shrinker's `count` or `scan` begins.
        ///
        /// @param shrinker its name
        /// @param domain the domain it was registered with
        /// @param mayWait what its ShrinkControl says: locks taken inside are try-edges when false
        default void callbackEnter(
                String shrinker, @Nullable ReclaimDomain domain, boolean mayWait) {}

        /// The shrinker's call ends, normally or by a throw.
        default void callbackLeave(String shrinker, @Nullable ReclaimDomain domain) {}

        /// The thread begins to wait for memory that others must give back.
        default void waitBegin(Object pool, int effectiveGfp) {}

        /// The wait for memory ends.
        default void waitEnd(Object pool) {}

        /// `ShrinkControl.tryEnter` was called: an edge that cannot wait.
        default void tryEntered(Lock lock, boolean got) {}

        /// A guarded lock was acquired (once more), or re-acquired after a wait on its condition;
        /// then as often as it was held before.
        default void guardAcquired(ReclaimDomain domain, Lock lock, ScopeSite site) {}

        /// A guarded lock was released (once), or is about to be by a wait on its condition; then
        /// as often as it is held.
        default void guardReleased(ReclaimDomain domain, Lock lock) {}

        /// Whether the current thread holds the lock, for locks that do not say so themselves.
        default boolean holds(Lock lock) {
            return false;
        }
    }

    /// Installs the tracker, or removes it with null. Costs some milliseconds: compiled code that
    /// knows the one before is made anew.
    public static void install(@Nullable Tracker t) {
        TrackerKey.set(t);
    }

    /// Whether somebody is told. Without a tracker a request that is served at once need not be
    /// announced.
    public static boolean isTracked() {
        return TrackerKey.get() != null;
    }

    /// Announces a request with this mask (might_alloc, K3): narrowed by what is allowed to anybody
    /// (A13) and by the thread's scopes, then nothing if it may not reclaim directly, or the thread
    /// is in a noreclaim scope, or the mask has NOLOCKDEP (K1).
    public static void mightAlloc(int gfp) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            int effective = needed(gfp, Task.current());
            if (effective != NOT_NEEDED) {
                t.mightAlloc(effective);
            }
        }
    }

    /// Announces a request as `mightAlloc(int)` does, and who would reclaim for it. To be called
    /// while the allocator holds no lock of its own (R1).
    public static void mightAlloc(int gfp, Reclaimer from) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            int effective = needed(gfp, Task.current());
            if (effective != NOT_NEEDED) {
                t.mightAlloc(effective, from);
            }
        }
    }

    /// Announces that reclaim begins with this mask (fs_reclaim_acquire); call it before
    /// `Task.enterReclaim`. A no-op exactly where `mightAlloc` is.
    public static void acquire(int gfp) {
        acquire(gfp, UNNAMED);
    }

    /// As `acquire(int)`, and says whose reclaim it is.
    public static void acquire(int gfp, Reclaimer whose) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            Task task = Task.current();
            int effective = needed(gfp, task);
            task.pushHeldMask(effective);
            if (effective != NOT_NEEDED) {
                t.reclaimEnter(effective, whose);
            }
        }
    }

    /// Announces that the reclaim begun last has ended (fs_reclaim_release); call it after
    /// `Task.leaveReclaim`. Linux reads scope and mask again here, and is unbalanced when they
    /// changed (K7); this one ends what began.
    ///
    /// @param gfp the mask given to `acquire`
    public static void release(int gfp) {
        release(gfp, UNNAMED);
    }

    /// As `release(int)`, for reclaim that said whose it is.
    public static void release(int gfp, Reclaimer whose) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            int effective = Task.current().popHeldMask();
            if (effective != NOT_NEEDED) {
                t.reclaimLeave(effective, whose);
            }
        }
    }

    /// Announces that background reclaim begins: unconditionally, with all of KERNEL (K4).
    public static void acquireBackground() {
        acquireBackground(UNNAMED);
    }

    /// As `acquireBackground()`, and says whose reclaim it is.
    public static void acquireBackground(Reclaimer whose) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            Task.current().pushHeldMask(Gfp.KERNEL);
            t.reclaimEnter(Gfp.KERNEL, whose);
        }
    }

    /// Announces that background reclaim ended.
    public static void releaseBackground() {
        release(Gfp.KERNEL);
    }

    /// As `releaseBackground()`, for reclaim that said whose it is.
    public static void releaseBackground(Reclaimer whose) {
        release(Gfp.KERNEL, whose);
    }

    /// Announces that a shrinker is about to be called.
    public static void callbackEnter(
            String shrinker, @Nullable ReclaimDomain domain, boolean mayWait) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            t.callbackEnter(shrinker, domain, mayWait);
        }
    }

    /// Announces that the shrinker returned or threw.
    public static void callbackLeave(String shrinker, @Nullable ReclaimDomain domain) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            t.callbackLeave(shrinker, domain);
        }
    }

    /// Announces that the thread begins to wait for memory.
    ///
    /// @param pool what is waited for
    /// @param gfp the request's mask; narrowed by the thread's scopes
    public static void waitBegin(Object pool, int gfp) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            t.waitBegin(pool, Memalloc.effective(gfp));
        }
    }

    /// Announces that the wait ended.
    public static void waitEnd(Object pool) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            t.waitEnd(pool);
        }
    }

    /// Announces the outcome of a `ShrinkControl.tryEnter`.
    public static void tryEntered(Lock lock, boolean got) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            t.tryEntered(lock, got);
        }
    }

    static void guardAcquired(ReclaimDomain domain, Lock lock, ScopeSite site) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            t.guardAcquired(domain, lock, site);
        }
    }

    static void guardReleased(ReclaimDomain domain, Lock lock) {
        Tracker t = TrackerKey.get();
        if (t != null) {
            t.guardReleased(domain, lock);
        }
    }

    static boolean trackerHolds(Lock lock) {
        Tracker t = TrackerKey.get();
        return t != null && t.holds(lock);
    }

    /// Stands for "no announcement": masks have no such bit.
    private static final int NOT_NEEDED = -1;

    /// The effective mask, or NOT_NEEDED (the kernel's __need_reclaim).
    private static int needed(int asked, Task task) {
        int gfp = AllowedMask.apply(asked);
        int flags = task.flags();
        boolean needed = (gfp & Gfp.DIRECT_RECLAIM) != 0
                && (gfp & Gfp.NOLOCKDEP) == 0
                && (flags & Task.NORECLAIM) == 0;
        return needed ? Memalloc.narrow(gfp, flags) : NOT_NEEDED;
    }
}
