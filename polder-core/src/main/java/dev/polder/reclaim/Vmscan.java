package dev.polder.reclaim;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.shrink.InternalReclaimer.Phase;
import dev.polder.shrink.ShrinkArithmetic;
import dev.polder.shrink.ShrinkWalk;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// Gets memory back from those who hold it: direct reclaim on the thread that asks, and the passes
/// that direct and background reclaim share. The kernel's `mm/vmscan.c`.
///
/// No lock of Polder's is taken or held here. Progress is what the reclaiming thread's frees
/// returned to the zone, never what a consumer says and never a change of the free count, which
/// strangers move.
public final class Vmscan implements FsReclaim.Reclaimer {

    // Notes. One direct reclaim:
    //
    //   tryToFreePages      refuse inside reclaim (R3), wait where the reserve is half gone (E10),
    //    └ performReclaim   fs_reclaim, then the noreclaim scope around all of it (B9, K4)
    //       └ doTryToFreePages   priority 12 → 0 until 32 frames are back (E1)
    //          └ shrinkPass      own caches, consumers, own caches again
    //
    // Who may hold locks that others wait for (no FS, no IO, any exclusion: StallKind.restricted)
    // waits for nobody without a bound here, and no shrinker waits on its thread.
    //
    // Fruitless runs of kswapd are counted from the last reclaim that freed something, by anybody;
    // at MAX_RECLAIM_RETRIES kswapd is hopeless and nobody waits for it (E12).

    /// Frames that one direct reclaim is after (E1, D7).
    public static final long SWAP_CLUSTER_MAX = 32;

    /// So many fruitless runs of kswapd leave the pool to direct reclaimers (E12).
    public static final int MAX_RECLAIM_RETRIES = 16;

    /// Unrestricted reclaimers may have an eighth of all counted objects in their hands (E9).
    private static final int ISOLATED_SHIFT = 3;

    private final ReclaimZone zone;
    private final ShrinkerRegistry registry;
    private final VmStat stat;
    private final Clock clock;
    private final ScanControls controls;
    private final ReclaimThrottle throttle;
    private final ReserveThrottle reserve;
    private volatile @Nullable Kswapd kswapd;
    private volatile boolean closing;

    /// Reclaim for one pool.
    public Vmscan(ReclaimZone zone, ShrinkerRegistry registry, VmStat stat, Clock clock) {
        this.zone = Objects.requireNonNull(zone, "zone");
        this.registry = Objects.requireNonNull(registry, "registry");
        this.stat = Objects.requireNonNull(stat, "stat");
        this.clock = Objects.requireNonNull(clock, "clock");
        this.controls = new ScanControls(registry);
        this.throttle = new ReclaimThrottle(stat, clock);
        this.reserve = new ReserveThrottle(zone, registry);
    }

    /// Frees memory on the calling thread for a request of `order` with mask `gfp`: the kernel's
    /// `try_to_free_pages`.
    ///
    /// May wait at the throttles. Consumers' callbacks run on this thread, as far as mask, scope
    /// and domains allow; nothing they throw gets out. The caller's interrupt flag is put aside
    /// while they run, so that a consumer's channel is not closed by it.
    ///
    /// @return frames that this thread's reclaim returned; 0 when there was nothing to get, or the
    ///         mask may not block, or the thread is in reclaim or a noreclaim scope already; 1 when
    ///         the pool closed meanwhile (E10), so that no out-of-memory policy is asked
    public long tryToFreePages(int order, int gfp) {
        assert order >= 0 : order;
        return directReclaim(gfp, null);
    }

    /// Frees memory that a memory group, or one below it, holds, because its limit stands in the
    /// way of a request with mask `gfp`: the kernel's `try_to_free_mem_cgroup_pages`. Only
    /// shrinkers that can tell groups apart are asked; the pool's reserve makes nobody wait here.
    ///
    /// @return as [#tryToFreePages]
    public long tryToFreeGroupPages(MemGroup group, int gfp) {
        return directReclaim(gfp, Objects.requireNonNull(group, "group"));
    }

    private long directReclaim(int gfp, @Nullable MemGroup group) {
        Task task = Task.current();
        int mask = Memalloc.effective(gfp);
        if (!Gfp.allowsBlocking(mask)) {
            return 0;
        }
        if (task.inReclaim() || (task.flags() & Task.NORECLAIM) != 0) {
            stat.add(Item.ALLOCSTALL_NESTED);
            return 0;
        }
        StallKind kind = StallKind.of(mask, task.excludesAny());
        stat.add(Item.ALLOCSTALL);
        stat.add(kind.count());
        long start = clock.nanos();
        try {
            if (group == null && reserve.throttle(kind, mask, kswapd)) {
                return 1;
            }
            return performReclaim(task, mask, kind, group, false);
        } finally {
            long stalled = clock.nanos() - start;
            stat.add(Item.ALLOCSTALL_NANOS, stalled);
            stat.add(kind.nanos(), stalled);
        }
    }

    /// Shows the lock checker what reclaim does, with memory aplenty. Nobody waits at a throttle,
    /// and nothing is counted as a stall.
    @Override
    public void force(int effectiveGfp) {
        Task task = Task.current();
        boolean may = Gfp.allowsBlocking(effectiveGfp) && !task.inReclaim()
                && (task.flags() & Task.NORECLAIM) == 0;
        if (may && !closing) {
            performReclaim(task, effectiveGfp, StallKind.of(effectiveGfp, task.excludesAny()), null,
                    true);
        }
    }

    @Override
    public String pool() {
        return registry.pool();
    }

    /// Tells direct reclaim which background reclaimer helps it.
    public void attach(Kswapd kswapd) {
        this.kswapd = Objects.requireNonNull(kswapd, "kswapd");
    }

    /// The pool closes, the fatal signal of a pool: whoever waits here goes on, nobody waits again.
    public void closing() {
        closing = true;
        reserve.close();
        throttle.close();
    }

    /// Where reclaimers wait for a short while; for those who clean memory and for statistics.
    public ReclaimThrottle throttle() {
        return throttle;
    }

    /// Threads that wait because the reserve is half gone.
    public int reserveWaiters() {
        return reserve.waiters();
    }

    /// What the failure report says about reclaim: which shrinkers hold memory that the calling
    /// thread's request with mask `gfp` could not get, how much, and for whose scope. Collected
    /// now, from the shrinkers' own records, on the failure path only.
    public ReclaimReport report(int gfp) {
        return ReclaimReport.collect(registry, Memalloc.effective(gfp), Task.current());
    }

    // Direct reclaim.

    private long performReclaim(Task task, int mask, StallKind kind, @Nullable MemGroup group,
            boolean forced) {
        ScanControl sc = controls.take();
        sc.interrupted = Thread.interrupted();
        try {
            FsReclaim.acquire(mask, this);
            try {
                int token = task.enterReclaim(zone.frames());
                try {
                    sc.begin(task, mask, kind, false, group);
                    return forced ? forcePass(sc) : doTryToFreePages(sc);
                } finally {
                    sc.end();
                    task.leaveReclaim(token);
                }
            } finally {
                FsReclaim.release(mask, this);
            }
        } finally {
            if (sc.interrupted) {
                Thread.currentThread().interrupt();
            }
            controls.give(sc);
        }
    }

    /// From priority 12 down to 0, until enough is back; once more, if that was nothing, over what
    /// only a `low` protects.
    private long doTryToFreePages(ScanControl sc) {
        long freed = allPriorities(sc);
        if (freed == 0 && sc.walk.lowSkipped()) {
            sc.walk.reclaimLow();
            sc.priority = ShrinkArithmetic.DEF_PRIORITY;
            freed = allPriorities(sc);
        }
        if (freed == 0 && sc.walk.skipped() > 0) {
            askForRescue();
        }
        return freed;
    }

    private long allPriorities(ScanControl sc) {
        for (; sc.priority >= 0; sc.priority--) {
            if (closing) {
                return Math.max(1, sc.nrReclaimed);
            }
            shrinkPass(sc);
            if (sc.wanted() <= 0) {
                break;
            }
            considerThrottle(sc);
        }
        return sc.nrReclaimed;
    }

    /// All that a pass of direct reclaim would call, each for as little as can be.
    private static long forcePass(ScanControl sc) {
        sc.walk.shrinkInternals(Phase.BEFORE_CONSUMERS, 1);
        sc.walk.forceConsumers();
        sc.walk.shrinkInternals(Phase.AFTER_CONSUMERS, 1);
        return 0;
    }

    /// Where this thread got nothing because of its own scope, kswapd could get it. A hopeless
    /// kswapd is asked for a run all the same; it limits how often it listens.
    private void askForRescue() {
        Kswapd helper = kswapd;
        if (helper != null) {
            helper.rescue();
        }
    }

    // Passes, shared with kswapd.

    /// One pass over all that can be given back, at the run's priority.
    void shrinkPass(ScanControl sc) {
        Task task = Task.current();
        long before = sc.nrReclaimed;
        shrinkInternals(sc, Phase.BEFORE_CONSUMERS, task);
        if (sc.wanted() > 0) {
            stallWhileIsolated(sc);
            shrinkConsumers(sc, task);
            shrinkInternals(sc, Phase.AFTER_CONSUMERS, task);
        }
        long freed = sc.nrReclaimed - before;
        if (freed > 0) {
            stat.add(sc.background ? Item.PGSTEAL_KSWAPD : Item.PGSTEAL_DIRECT, freed);
            reclaimSucceeded(freed);
        }
    }

    private void shrinkConsumers(ScanControl sc, Task task) {
        // An interrupt may have come since the run began, and ended a throttle sleep; consumers'
        // channels would be closed by it.
        sc.interrupted |= Thread.interrupted();
        long scannedBefore = sc.walk.scannedObjects();
        long before = task.reclaimed();
        sc.walk.shrinkConsumers(sc.priority);
        sc.nrReclaimed += Math.max(0, task.reclaimed() - before);
        stat.add(sc.background ? Item.PGSCAN_KSWAPD : Item.PGSCAN_DIRECT,
                sc.walk.scannedObjects() - scannedBefore);
        if (registry.isolatedObjects() <= registry.countedObjects() >> ISOLATED_SHIFT) {
            throttle.wake(ReclaimThrottle.Reason.ISOLATED);
        }
    }

    /// Asks Polder's own caches of a phase for what is still wanted. They know no memory groups.
    private void shrinkInternals(ScanControl sc, Phase phase, Task task) {
        long wanted = sc.wanted();
        if (wanted <= 0 || sc.group != null) {
            return;
        }
        long before = task.reclaimed();
        long available = sc.walk.shrinkInternals(phase, wanted);
        long freed = Math.max(0, task.reclaimed() - before);
        sc.nrReclaimed += freed;
        sc.nrDrained += Math.max(0, available - freed);
        stat.add(Item.PGSTEAL_INTERNAL, freed);
    }

    /// E9: waits once if other direct reclaimers have too much in their hands. Who may hold locks
    /// that they need gets eight times the limit, so that it is never queued behind them.
    private void stallWhileIsolated(ScanControl sc) {
        if (!sc.background && sc.group == null && tooManyIsolated(sc)) {
            throttle.sleep(ReclaimThrottle.Reason.ISOLATED);
        }
    }

    private boolean tooManyIsolated(ScanControl sc) {
        long isolated = registry.isolatedObjects();
        if (isolated == 0) {
            return false;
        }
        long inactive = registry.countedObjects();
        if (!sc.kind.restricted()) {
            inactive >>= ISOLATED_SHIFT;
        }
        return isolated > inactive;
    }

    /// E11: a tick where nothing was got down to priority 1, or every consumer was busy.
    private void considerThrottle(ScanControl sc) {
        if (sc.group != null || sc.nrReclaimed > 0) {
            return;
        }
        if (sc.priority == 1) {
            if (!reserve.kswapdHopeless()) {
                throttle.sleep(ReclaimThrottle.Reason.NOPROGRESS);
            }
        } else if (sc.walk.congested() && !sc.throttledCongested) {
            sc.throttledCongested = true;
            throttle.sleep(ReclaimThrottle.Reason.CONGESTED);
        }
    }

    /// Somebody freed something: kswapd has hope again, and who waited for progress goes on.
    private void reclaimSucceeded(long frames) {
        reserve.kswapdHasHope();
        throttle.wake(ReclaimThrottle.Reason.NOPROGRESS);
        throttle.cleaned(frames);
    }

    // For kswapd.

    /// One balance run: from priority 12 down to 1, until the high watermark is met and a block of
    /// `order` is there, or `stop` says so. Once `compact_gap` frames are back without such a block
    /// the mark alone is the goal (`kswapd_shrink_node`). A run that frees nothing counts against
    /// kswapd if single frames are short.
    void balance(ScanControl sc, int order, BooleanSupplier stop) {
        int wanted = order;
        boolean raise = true;
        while (sc.priority >= 1 && !zone.balanced(wanted)) {
            long reclaimedBefore = sc.nrReclaimed;
            long scannedBefore = sc.walk.scannedObjects();
            // Each pass is after the high watermark's worth.
            long goal = Math.max(zone.highFrames(), SWAP_CLUSTER_MAX);
            sc.nrToReclaim = sc.nrReclaimed + sc.nrDrained + goal;
            shrinkPass(sc);
            reserve.wakeIfAllowed();
            if (stop.getAsBoolean()) {
                return;
            }
            if (sc.walk.scannedObjects() - scannedBefore >= goal) {
                raise = false;
            }
            if (sc.nrReclaimed >= 2L << wanted) {
                wanted = 0;
            }
            if (raise || sc.nrReclaimed == reclaimedBefore) {
                sc.priority--;
            }
        }
        if (sc.nrReclaimed == 0 && !zone.balanced(0)) {
            reserve.kswapdFailed();
        }
    }

    boolean isClosing() {
        return closing;
    }

    /// Where those wait who found the reserve half gone.
    ReserveThrottle reserve() {
        return reserve;
    }

    ScanControls controls() {
        return controls;
    }

    ShrinkerRegistry registry() {
        return registry;
    }
}
