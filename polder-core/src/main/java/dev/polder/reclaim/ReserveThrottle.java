package dev.polder.reclaim;

import dev.polder.gfp.FsReclaim;
import dev.polder.os.Clock;
import dev.polder.os.WaitQueue;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Makes direct reclaimers wait for kswapd while half of the reserve is gone, so that the rest is
/// left to those who free memory with it: the kernel's `throttle_direct_reclaim` (row E10). Knows
/// also when waiting for kswapd is hopeless (row E12).
final class ReserveThrottle {

    /// The longest wait of who may hold locks that kswapd needs (E10): one second.
    static final long RESTRICTED_WAIT_NANOS = Clock.HZ * Clock.TICK_NANOS;

    private final ReclaimZone zone;
    private final String pool;
    private final VmStat stat;
    private final Clock clock;
    private final WaitQueue queue;
    /// Fruitless runs of kswapd since some reclaim freed something.
    private final AtomicInteger kswapdFailures = new AtomicInteger();
    private volatile boolean closing;

    ReserveThrottle(ReclaimZone zone, ShrinkerRegistry registry) {
        this.zone = zone;
        this.pool = registry.pool();
        this.stat = registry.stat();
        this.clock = registry.clock();
        this.queue = new WaitQueue(clock);
    }

    /// Waits while more than half of the reserve is gone; true if the pool closed meanwhile.
    ///
    /// Without a restriction until kswapd says it is there again, else for a second. Not at all on
    /// Polder's own threads. An interrupt ends the wait and stays set.
    ///
    /// @param mask the effective mask, for the lock checker: waiting for memory is a lock, too
    /// @param helper the background reclaimer; null if the pool has none
    boolean throttle(StallKind kind, int mask, @Nullable Kswapd helper) {
        if (KernelThread.isCurrent() || closing || allowed(helper)) {
            return false;
        }
        stat.add(Item.PGSCAN_DIRECT_THROTTLE);
        long start = clock.nanos();
        FsReclaim.waitBegin(pool, mask);
        try {
            await(kind, start, helper);
        } finally {
            FsReclaim.waitEnd(pool);
            stat.add(Item.THROTTLE_NANOS, clock.nanos() - start);
        }
        return closing;
    }

    private void await(StallKind kind, long start, @Nullable Kswapd helper) {
        while (true) {
            long seen = queue.sequence();
            boolean unbounded = !kind.restricted() && helper != null && !helper.stopped();
            long left = RESTRICTED_WAIT_NANOS - (clock.nanos() - start);
            if (closing || allowed(helper) || Thread.currentThread().isInterrupted()
                    || (!unbounded && left <= 0)) {
                return;
            }
            // Who waits without a bound looks after kswapd once a second: it must not be dead or
            // stuck while somebody depends on it.
            queue.await(seen, unbounded ? RESTRICTED_WAIT_NANOS : left);
            if (helper != null) {
                helper.check();
            }
        }
    }

    /// Whether a direct reclaimer may go on; wakes kswapd where it may not.
    private boolean allowed(@Nullable Kswapd helper) {
        if (kswapdHopeless() || reserveIsThere()) {
            return true;
        }
        if (helper != null) {
            helper.wake(0);
        }
        return false;
    }

    private boolean reserveIsThere() {
        long min = zone.minFrames();
        return min == 0 || zone.freeFrames() > min / 2;
    }

    /// Lets the waiting go on if the reserve is there again. For kswapd, after each pass.
    void wakeIfAllowed() {
        if (queue.waiters() > 0 && reserveIsThere()) {
            queue.wakeAll();
        }
    }

    /// Makes the waiting look again: kswapd rests, has given up, or has ended.
    void kswapdRests() {
        if (queue.waiters() > 0) {
            queue.wakeAll();
        }
    }

    /// Ends all waits, now and in future.
    void close() {
        closing = true;
        queue.wakeAll();
    }

    int waiters() {
        return queue.waiters();
    }

    /// Whether background reclaim is given up for now (E12).
    boolean kswapdHopeless() {
        return kswapdFailures.get() >= Vmscan.MAX_RECLAIM_RETRIES;
    }

    int kswapdFailures() {
        return kswapdFailures.get();
    }

    void kswapdFailed() {
        kswapdFailures.incrementAndGet();
    }

    /// Some reclaim, by anybody, freed something.
    void kswapdHasHope() {
        if (kswapdFailures.get() != 0) {
            kswapdFailures.set(0);
        }
    }
}
