package dev.polder.reclaim;

import dev.polder.os.Clock;
import dev.polder.os.WaitQueue;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import java.util.concurrent.atomic.AtomicLong;

/// Makes reclaimers wait a little when going on at once would be useless: the kernel's
/// `reclaim_throttle` (row E11). Every wait has a short limit and may end early.
public final class ReclaimThrottle {

    /// Why a reclaimer waits, and for how long at most.
    public enum Reason {
        /// Cleaning is behind. Ends early when enough was cleaned.
        WRITEBACK(Clock.HZ / 10, Item.THROTTLE_WRITEBACK),
        /// Other reclaimers hold too much in their hands. Ends early when they let go.
        ISOLATED(Clock.HZ / 50, Item.THROTTLE_ISOLATED),
        /// A whole run down the priorities freed nothing. Ends early when somebody makes progress.
        NOPROGRESS(1, Item.THROTTLE_NOPROGRESS),
        /// Every consumer was busy.
        CONGESTED(1, Item.THROTTLE_CONGESTED);

        private final long limitNanos;
        private final Item item;

        Reason(long ticks, Item item) {
            this.limitNanos = ticks * Clock.TICK_NANOS;
            this.item = item;
        }

        /// The longest wait for this reason.
        public long limitNanos() {
            return limitNanos;
        }
    }

    /// Frames that must be cleaned for each waiter before the WRITEBACK waiters go on early: one
    /// reclaim's worth, SWAP_CLUSTER_MAX.
    private static final long CLEANED_PER_WAITER = Vmscan.SWAP_CLUSTER_MAX;

    private final VmStat stat;
    private final Clock clock;
    private final WaitQueue[] queues = new WaitQueue[Reason.values().length];
    private final AtomicLong cleanedFrames = new AtomicLong();
    private volatile boolean closing;

    /// A throttle on which nobody waits.
    public ReclaimThrottle(VmStat stat, Clock clock) {
        this.stat = stat;
        this.clock = clock;
        for (int i = 0; i < queues.length; i++) {
            queues[i] = new WaitQueue(clock);
        }
    }

    /// Waits for `reason`, at most its limit. Returns at once on Polder's own threads other than
    /// kswapd, and while the pool closes. An interrupt ends the wait and stays set.
    public void sleep(Reason reason) {
        if (!KernelThread.isCurrent()) {
            sleep(reason, reason.limitNanos);
        }
    }

    /// Waits for `reason`, at most `limitNanos`, on any thread: for kswapd.
    void sleep(Reason reason, long limitNanos) {
        assert limitNanos > 0 && limitNanos <= reason.limitNanos : limitNanos;
        WaitQueue queue = queues[reason.ordinal()];
        if (reason == Reason.WRITEBACK && queue.waiters() == 0) {
            cleanedFrames.set(0);
        }
        long seen = queue.sequence();
        if (closing) {
            return;
        }
        stat.add(reason.item);
        long start = clock.nanos();
        queue.await(seen, limitNanos);
        stat.add(Item.THROTTLE_NANOS, clock.nanos() - start);
    }

    /// Ends the waits for `reason`.
    public void wake(Reason reason) {
        WaitQueue queue = queues[reason.ordinal()];
        if (queue.waiters() > 0) {
            queue.wakeAll();
        }
    }

    /// Says that `frames` frames became clean or free; ends the WRITEBACK waits when there is
    /// enough for every waiter. Takes no part in anything while nobody waits.
    public void cleaned(long frames) {
        WaitQueue queue = queues[Reason.WRITEBACK.ordinal()];
        int waiting = queue.waiters();
        if (waiting > 0 && cleanedFrames.addAndGet(frames) >= CLEANED_PER_WAITER * waiting) {
            cleanedFrames.set(0);
            queue.wakeAll();
        }
    }

    /// Threads that wait for `reason` now.
    public int waiters(Reason reason) {
        return queues[reason.ordinal()].waiters();
    }

    /// Ends all waits, now and in future.
    void close() {
        closing = true;
        for (WaitQueue queue : queues) {
            queue.wakeAll();
        }
    }
}
