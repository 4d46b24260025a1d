package dev.polder.page;

import dev.polder.base.Frames;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.page.SlowPathTrace.Step;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.zone.Access;
import dev.polder.zone.Watermarks;
import dev.polder.zone.Zone;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What happens when the low watermark refuses a request. The kernel's `__alloc_pages_slowpath`, in
/// the order of row D2 without its compaction steps.
///
/// Notes
///
/// A request waits here only if its mask has DIRECT_RECLAIM and its thread is not in reclaim. The
/// figures of one request are locals and parameters, and nothing is logged; stalls are handed to
/// [StallWatch], which hands them to another thread. Heap is taken in three places only: a node for
/// each wait in a queue, a scan control when more threads reclaim at once than ever before, and a
/// thread where kswapd has died or is stuck.
///
/// Who may hold a lock that others need (no FS, or a domain excluded) is never made to wait for
/// one particular other: it goes on reclaiming for itself, and nobody is failed for it (D16).
final class SlowPath {
    /// Rounds without progress before the end of the road (`MAX_RECLAIM_RETRIES`, D11).
    private static final int MAX_FRUITLESS = 16;

    private final String pool;
    private final Zone zone;
    private final Vmscan vmscan;
    private final Kswapd kswapd;
    private final ShrinkerRegistry shrinkers;
    private final VmStat stat;
    private final Clock clock;
    private final StallWatch stalls;
    private final EndOfRoad endOfRoad;
    private volatile SlowPathTrace trace = SlowPathTrace.NONE;
    private volatile boolean closing;

    SlowPath(PageAllocator.Parts parts) {
        this.pool = parts.pool();
        this.zone = parts.zone();
        this.vmscan = parts.vmscan();
        this.kswapd = parts.kswapd();
        this.shrinkers = parts.shrinkers();
        this.stat = parts.stat();
        this.clock = parts.clock();
        this.endOfRoad = new EndOfRoad(parts, this);
        this.stalls = new StallWatch(parts, endOfRoad.victims());
    }

    /// A run of `order`, or 0.
    ///
    /// @param task the current thread's state
    /// @param group the group that pays, or null
    /// @param order 0..[Frames#MAX_ORDER]
    /// @param gfp the mask, already narrowed by the scopes
    long alloc(Task task, @Nullable MemGroup group, int order, int gfp) {
        stat.add(Item.PGALLOC_SLOW);
        trace.at(Step.ENTER, 0);
        boolean wake = (gfp & Gfp.KSWAPD_RECLAIM) != 0;
        long run = attempt(order, gfp, wake);
        if (run != 0) {
            return run;
        }
        boolean mayReclaim = Gfp.allowsBlocking(gfp) && (task.flags() & Task.NORECLAIM) == 0;
        boolean nofail = (gfp & Gfp.NOFAIL) != 0;
        if (nofail && !mayReclaim) {
            stalls.nofailMisuse(order, gfp);
        }
        long start = clock.nanos();
        long reclaimed = task.reclaimed();
        int fruitless = 0;
        for (int round = 1;; round++) {
            requireOpen();
            run = attemptOfRound(task, order, gfp, wake);
            if (run != 0) {
                return run;
            }
            if (mayReclaim) {
                boolean progress = reclaim(task, order, gfp);
                run = attemptAfterReclaim(task, order, gfp, progress);
                if (run != 0) {
                    return run;
                }
                fruitless = progress && order <= Frames.COSTLY_ORDER ? 0 : fruitless + 1;
                if (mayRetry(order, gfp) && worthRetrying(order, gfp, fruitless)
                        && !expired(start, task, nofail)) {
                    stat.add(Item.ALLOC_RETRY);
                    stalls.check(start, task, order, gfp);
                    continue;
                }
                if (mayRetry(order, gfp) && !expired(start, task, nofail)) {
                    trace.at(Step.OUT_OF_MEMORY, 0);
                    run = endOfRoad.enter(group, task, order, gfp);
                    if (run > 0) {
                        return run;
                    }
                    if (run == EndOfRoad.GO_ON && !expired(start, task, nofail)) {
                        fruitless = 0;
                        waitATick(start, task, order, gfp);
                        continue;
                    }
                }
            }
            if (!nofail || !Gfp.allowsBlocking(gfp)) {
                if (wake && !mayReclaim) {
                    kswapd.rescue();
                }
                task.failedRequest().set(order, gfp, round, task.reclaimed() - reclaimed,
                        clock.nanos() - start);
                return 0;
            }
            run = lastResort(order);
            if (run != 0) {
                return run;
            }
            waitATick(start, task, order, gfp);
        }
    }

    /// Refuses new requests and ends the waiting ones.
    void close() {
        closing = true;
        vmscan.closing();
    }

    boolean closing() {
        return closing;
    }

    void requireOpen() {
        if (closing) {
            throw new IllegalStateException("pool '" + pool + "' is closed; no memory can be had");
        }
    }

    /// Names who knows what the layers above hold most of, for those who wait for it.
    void above(Supplier<@Nullable String> holder) {
        stalls.above(holder);
    }

    /// Tells `t` of each step from now on.
    void trace(SlowPathTrace t) {
        trace = t;
    }

    /// One attempt that leaves more than `mark` frames.
    long take(int order, long mark, Access access) {
        trace.at(Step.ATTEMPT, mark);
        return zone.take(order, mark, access);
    }

    /// D2 (2), (3): kswapd is woken; one attempt at the reduced min mark.
    private long attempt(int order, int gfp, boolean wake) {
        if (wake) {
            trace.at(Step.WAKE_KSWAPD, 0);
            kswapd.wake(order);
        }
        return take(order, minMark(gfp), access(order, gfp));
    }

    /// D2 (5)–(7): the same again (D4), but without a mark if the request is entitled to that.
    private long attemptOfRound(Task task, int order, int gfp, boolean wake) {
        if (!ignoresMarks(task, gfp)) {
            return attempt(order, gfp, wake);
        }
        if (wake) {
            trace.at(Step.WAKE_KSWAPD, 0);
            kswapd.wake(order);
        }
        long run = take(order, -1, Access.RESERVES);
        if (run != 0 && zone.free() <= minMark(gfp)) {
            stat.add(Item.ALLOC_RESERVE, 1L << order);
        }
        return run;
    }

    /// D2 (10): what this thread's reclaim makes possible is kept for it meanwhile, so that nobody
    /// takes it before the attempt. True if something was freed.
    private boolean reclaim(Task task, int order, int gfp) {
        trace.at(Step.RECLAIM, 0);
        boolean told = false;
        task.capture(zone, order, minMark(gfp));
        try {
            long freed = vmscan.tryToFreePages(order, gfp);
            told = true;
            return freed > 0;
        } finally {
            if (!told) {
                giveBack(task.endCapture());
            }
        }
    }

    private void giveBack(long run) {
        if (run != 0) {
            zone.give(run);
        }
    }

    /// D2 (10) and D7: an attempt; after progress that did not help, one more with a block less
    /// kept for atomic requests (C6) and the stripes' lists drained.
    private long attemptAfterReclaim(Task task, int order, int gfp, boolean progress) {
        long run = task.endCapture();
        if (run != 0) {
            trace.at(Step.CAPTURED, 0);
            stat.add(Item.RECLAIM_CAPTURED);
            return run;
        }
        run = take(order, minMark(gfp), access(order, gfp));
        if (run == 0 && progress) {
            giveBackHighAtomic(false);
            trace.at(Step.DRAIN, 0);
            zone.drain();
            run = take(order, minMark(gfp), access(order, gfp));
        }
        return run;
    }

    private boolean giveBackHighAtomic(boolean force) {
        trace.at(Step.GIVE_BACK_HIGH_ATOMIC, force ? 1 : 0);
        return zone.giveBackHighAtomic(force);
    }

    /// D2 (12), (13): NORETRY makes one round (D9), and so does a costly order without
    /// RETRY_MAYFAIL (D10).
    private static boolean mayRetry(int order, int gfp) {
        return (gfp & Gfp.NORETRY) == 0
                && (order <= Frames.COSTLY_ORDER || (gfp & Gfp.RETRY_MAYFAIL) != 0);
    }

    /// D11: too many fruitless rounds, or even everything reclaimable would not meet the mark. Then
    /// what is kept for atomic requests goes first (C6), block by block.
    private boolean worthRetrying(int order, int gfp, int fruitless) {
        if (fruitless <= MAX_FRUITLESS && zone.wouldPass(shrinkers.reclaimableFrames(), order,
                minMark(gfp), access(order, gfp))) {
            return true;
        }
        return giveBackHighAtomic(true);
    }

    /// D18: NOFAIL gets the HIGH reserve, not the whole one, before it goes round again.
    private long lastResort(int order) {
        return take(order, Watermarks.reduced(zone.marks().min(), true, false), Access.RESERVES);
    }

    /// C7 and A10: MEMALLOC in the mask or the scope, unless NOMEMALLOC takes it back.
    private static boolean ignoresMarks(Task task, int gfp) {
        return (gfp & Gfp.NOMEMALLOC) == 0
                && ((gfp & Gfp.MEMALLOC) != 0 || (task.flags() & Task.NORECLAIM) != 0);
    }

    /// C2, C5, C6: who may use reserves, and who what is kept for atomic requests.
    private static Access access(int order, int gfp) {
        boolean high = (gfp & Gfp.HIGH) != 0;
        boolean nonBlocking = !Gfp.allowsBlocking(gfp) && (gfp & Gfp.NOMEMALLOC) == 0;
        if (high && nonBlocking && order > 0) {
            return Access.HIGH_ATOMIC;
        }
        return high || nonBlocking ? Access.RESERVES : Access.ORDINARY;
    }

    private long minMark(int gfp) {
        return Watermarks.reduced(zone.marks().min(), (gfp & Gfp.HIGH) != 0,
                !Gfp.allowsBlocking(gfp) && (gfp & Gfp.NOMEMALLOC) == 0);
    }

    /// Whether the thread's request has waited since `start` for as long as its caller would.
    boolean expired(long start, Task task, boolean nofail) {
        long patience = task.patienceNanos();
        return !nofail && patience != 0 && clock.nanos() - start >= patience;
    }

    /// Whether another group inside `top` is failed to make room for `requester`.
    boolean failInside(MemGroup top, MemGroup requester, int order, int gfp) {
        return endOfRoad.failInside(top, requester, order, gfp);
    }

    /// Sleeps a tick before the next round, and tells of the wait if it is long. Whoever comes here
    /// is helped by others only: for the lock checker a wait, as on a lock.
    void waitATick(long start, Task task, int order, int gfp) {
        trace.at(Step.WAIT, 0);
        stalls.check(start, task, order, gfp);
        stat.add(Item.ALLOC_RETRY);
        FsReclaim.waitBegin(pool, gfp);
        try {
            sleep(Clock.TICK_NANOS);
        } finally {
            FsReclaim.waitEnd(pool);
        }
    }

    /// Sleeps for `nanos` although the thread may be interrupted, and keeps the interrupt. Whoever
    /// loops here would spin otherwise, and not for the flag alone: each time it is set again the
    /// thread gets a permit too, with which its next park returns at once.
    void sleep(long nanos) {
        boolean interrupted = false;
        long start = clock.nanos();
        for (long left = nanos; left > 0; left = nanos - (clock.nanos() - start)) {
            interrupted |= Thread.interrupted();
            clock.park(this, left);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
