package dev.polder.shrinker;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.task.ShrinkAccess;
import dev.polder.task.Task;
import java.util.concurrent.locks.Lock;

/// What one call of a shrinker may do, and how much is asked of it (the kernel's `struct
/// shrink_control`).
///
/// Valid during the call only, and on the calling thread only: reclaim uses the object again.
public final class ShrinkControl {
    static {
        ShrinkAccess.install(new Access());
    }

    // Fixed for one shrinker by begin(); toScan and scanned change with each scan call.
    private int gfp;
    private boolean mayWait;
    private boolean background;
    private long groupId;
    private long toScan;
    private long scanned;

    private ShrinkControl() {}

    /// A control for calling a shrinker by hand, in a test or from one's own reclaim: on the
    /// current thread, in the foreground, for all groups.
    ///
    /// The mask is narrowed by the thread's scope, as every reclaim entry does (B11). `mayWait()`
    /// is true exactly if FS and IO remain and the thread excludes no domain.
    ///
    /// @param gfp the mask of the request
    /// @param toScan how many objects to ask for, 0 or more
    public static ShrinkControl of(int gfp, long toScan) {
        if (toScan < 0) {
            throw new IllegalArgumentException("toScan is negative: " + toScan);
        }
        int effective = Memalloc.effective(Gfp.check(gfp));
        ShrinkControl sc = new ShrinkControl();
        sc.gfp = effective;
        sc.mayWait = Gfp.has(effective, Gfp.FS | Gfp.IO) && !Task.current().excludesAny();
        sc.toScan = toScan;
        sc.scanned = toScan;
        return sc;
    }

    /// The effective mask: the request's, narrowed by the thread's scopes. Without FS take no
    /// store, transaction or cache-structure lock; without IO neither start nor wait for storage
    /// I/O.
    public int gfp() {
        return gfp;
    }

    /// Whether the caller may be served from this domain: false when the reclaiming thread is
    /// inside an exclusion of it. Background reclaim holds nobody's locks, so there it is always
    /// true.
    ///
    /// Exclusions that the shrinker itself entered, by locking a guard, count as well: ask first,
    /// lock then.
    public boolean mayEnter(ReclaimDomain domain) {
        return background || !Task.current().excludes(domain);
    }

    /// Whether `scan` may wait for a lock or for I/O. False in background reclaim, without FS or
    /// IO, and on a thread that excludes any domain: then only `tryEnter`, and `STOP` where it
    /// refuses.
    public boolean mayWait() {
        return mayWait;
    }

    /// Takes the lock if that needs no waiting and the thread does not hold it already.
    ///
    /// Java's locks are reentrant: a plain `tryLock` by the holder succeeds, and the shrinker would
    /// walk into its caller's half-done update. A lock that the thread holds is therefore refused:
    /// a `ReentrantLock`, the write lock of a `ReentrantReadWriteLock`, and both sides of a pair
    /// that a `ReclaimDomain` guards. A bare read lock of a `ReentrantReadWriteLock` does not say
    /// who holds it; guard the pair and pass the guarded lock.
    ///
    /// @return true when the lock was taken; then the caller must unlock it
    public boolean tryEnter(Lock lock) {
        boolean got = !ReclaimDomain.heldByCurrentThread(lock) && lock.tryLock();
        FsReclaim.tryEntered(lock, got);
        return got;
    }

    /// How many objects this scan call is asked to look at.
    public long toScan() {
        return toScan;
    }

    /// Says how many objects were looked at, when that is not `toScan()` (F6).
    ///
    /// @param n 0 or more
    public void scanned(long n) {
        if (n < 0) {
            throw new IllegalArgumentException("scanned is negative: " + n);
        }
        scanned = n;
    }

    /// The memory group to shrink, 0 for all. Only a group-aware shrinker is told of one; its
    /// `count` and `scan` are then for the objects of that very group, not of those below it. The
    /// pool's root stands for the objects of no group, too.
    public long groupId() {
        return groupId;
    }

    /// Whether this is the pool's background reclaim (kswapd) and not an allocating thread.
    public boolean background() {
        return background;
    }

    @Override
    public String toString() {
        return "ShrinkControl[" + Gfp.toString(gfp) + (mayWait ? ", may wait" : "")
                + (background ? ", background" : "") + ", toScan=" + toScan + "]";
    }

    /// The setters, for reclaim only.
    private static final class Access extends ShrinkAccess {
        @Override
        public Object create() {
            return new ShrinkControl();
        }

        @Override
        public void begin(
                Object control, int gfp, boolean mayWait, boolean background, long groupId) {
            ShrinkControl sc = (ShrinkControl) control;
            sc.gfp = gfp;
            sc.mayWait = mayWait;
            sc.background = background;
            sc.groupId = groupId;
            sc.toScan = 0;
            sc.scanned = 0;
        }

        @Override
        public void request(Object control, long toScan) {
            ShrinkControl sc = (ShrinkControl) control;
            sc.toScan = toScan;
            sc.scanned = toScan;
        }

        @Override
        public long scanned(Object control) {
            return ((ShrinkControl) control).scanned;
        }
    }
}
