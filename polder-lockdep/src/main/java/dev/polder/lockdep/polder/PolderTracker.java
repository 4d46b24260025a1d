package dev.polder.lockdep.polder;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.LockClass;
import dev.polder.lockdep.engine.Lockdep;
import dev.polder.lockdep.engine.Mode;
import dev.polder.lockdep.engine.ReclaimLevel;
import dev.polder.task.CarriedScopes;
import dev.polder.task.Task;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Tells the engine what Polder's allocator and reclaim do (rows K1-K5).
///
/// `FsReclaim` has narrowed the mask by the scopes and left out what may not reclaim, so what
/// arrives here counts. Guards are seen as locks of the engine only if no agent sees the lock
/// itself.
public final class PolderTracker implements FsReclaim.Tracker {
    /// Who excludes one domain lets no shrinker wait (`mayWait` is false), so whatever its reclaim
    /// takes in the others it only tries.
    private static final Lockdep.Exclusions EXCLUSIONS = d -> Task.current().excludesAny();

    private final Lockdep engine;
    private final Advisor advisor;
    private final boolean guardsAreLocks;
    private final ForcedReclaim forced;
    private final ReentrantLock lock = new ReentrantLock();

    /// What pools' memory is called. Guarded by `lock`.
    private final Map<Object, LockClass> memories = new WeakHashMap<>();

    /// A tracker for this engine.
    ///
    /// @param guardsAreLocks whether guards of a `ReclaimDomain` are reported to the engine as
    ///     locks: true where no agent instruments the locks themselves
    public PolderTracker(
            Lockdep engine, Advisor advisor, ForcedReclaim forced, boolean guardsAreLocks) {
        this.engine = engine;
        this.advisor = advisor;
        this.forced = forced;
        this.guardsAreLocks = guardsAreLocks;
    }

    /// Installs the tracker and tells the engine how to describe scopes.
    public void install() {
        engine.scopes(PolderTracker::scopes);
        FsReclaim.install(this);
    }

    /// The program's scopes, and apart from them what Polder set itself: inside reclaim that is
    /// NORECLAIM, which is no answer to the question which scope should have kept reclaim away.
    private static String scopes() {
        Task task = Task.current();
        boolean onlyPolders = task.innermostSite() == null && task.insideAny();
        return (onlyPolders ? "no scope of the program; " : "") + task.describeScopes();
    }

    /// The level of a mask.
    static int bits(int gfp) {
        return ((gfp & Gfp.FS) != 0 ? ReclaimLevel.FS : 0)
                | ((gfp & Gfp.IO) != 0 ? ReclaimLevel.IO : 0);
    }

    @Override
    public void mightAlloc(int effectiveGfp) {
        mightAlloc(effectiveGfp, "");
    }

    private void mightAlloc(int effectiveGfp, String pool) {
        int bits = bits(effectiveGfp);
        engine.mightAlloc(bits, EXCLUSIONS, pool);
        Task task = Task.current();
        if (bits != ReclaimLevel.KERNEL || task.insideAny()) {
            advise(bits, task);
        }
    }

    @Override
    public void mightAlloc(int effectiveGfp, FsReclaim.Reclaimer from) {
        mightAlloc(effectiveGfp, from.pool());
        forced.allocation(effectiveGfp, from);
    }

    private void advise(int bits, Task task) {
        // An excluded domain is lost like a bit: the advisor asks reclaim of every domain then.
        int lost = task.excludesAny() ? ReclaimLevel.KERNEL : ReclaimLevel.KERNEL & ~bits;
        Object site = task.innermostSite();
        CarriedScopes handedOver = task.innermostCarried();
        if (handedOver != null && site != null) { // the locks it stands for are another thread's
            advisor.inHandedOver(site, handedOver.isOpenAtOrigin());
        } else if (site != null) {
            advisor.inScope(lost, site, task.innermostSerial());
        } else if (!task.insideAny()) {
            advisor.withMask(lost);
        }
    }

    @Override
    public void reclaimEnter(int effectiveGfp) {
        engine.reclaimEnter(bits(effectiveGfp));
    }

    @Override
    public void reclaimLeave(int effectiveGfp) {
        engine.reclaimLeave(bits(effectiveGfp));
    }

    @Override
    public void reclaimEnter(int effectiveGfp, FsReclaim.Reclaimer whose) {
        engine.reclaimEnter(bits(effectiveGfp), whose.pool());
    }

    @Override
    public void reclaimLeave(int effectiveGfp, FsReclaim.Reclaimer whose) {
        engine.reclaimLeave(bits(effectiveGfp), whose.pool());
    }

    @Override
    public void callbackEnter(String shrinker, @Nullable ReclaimDomain domain, boolean mayWait) {
        engine.callbackEnter(domain, mayWait);
    }

    @Override
    public void callbackLeave(String shrinker, @Nullable ReclaimDomain domain) {
        engine.callbackLeave(domain);
    }

    @Override
    public void waitBegin(Object pool, int effectiveGfp) {
        engine.waitFor(memory(pool));
    }

    @Override
    public void tryEntered(Lock entered, boolean got) {
        if (got && guardsAreLocks) {
            engine.acquire(entered, Mode.TRY, 0);
        }
    }

    @Override
    public void guardAcquired(ReclaimDomain domain, Lock guard, ScopeSite site) {
        if (guardsAreLocks) {
            engine.acquire(guard, Mode.EXCLUSIVE, 0);
        }
    }

    @Override
    public void guardReleased(ReclaimDomain domain, Lock guard) {
        if (guardsAreLocks) {
            engine.release(guard);
        }
    }

    @Override
    public boolean holds(Lock held) {
        return engine.holds(held);
    }

    private LockClass memory(Object pool) {
        lock.lock();
        try {
            LockClass known = memories.get(pool);
            if (known == null) {
                known = engine.memory(pool.toString());
                memories.put(pool, known);
            }
            return known;
        } finally {
            lock.unlock();
        }
    }
}
