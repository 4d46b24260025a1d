package dev.polder.page;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.memgroup.MemGroup.Event;
import dev.polder.os.Clock;
import dev.polder.os.WaitQueue;
import dev.polder.reclaim.KernelThread;
import dev.polder.reclaim.Vmscan;
import dev.polder.task.Task;

/// Slows those who charge a group above its `high`: they reclaim inside it, and if that does not
/// bring it down they sleep, the longer the further it is above. Nothing is refused. The kernel's
/// `mem_cgroup_handle_over_high`.
///
/// Notes
///
/// The kernel notes the debt whatever the mask and pays it when the thread returns to the program.
/// Here there is no such moment: whoever charges pays if its mask allows it, and layers whose inner
/// requests have less than their caller's mask (kvmalloc's first try, the runs of an area) pay with
/// that mask once they have what they want. The thread may hold whatever locks its program holds.
/// So only a thread that may wait for others
/// at all sleeps: one with FS and IO in its mask and inside no exclusion. An interrupt ends the
/// sleep and is kept.
final class HighThrottle {
    /// Charged above `high` before somebody reclaims for it: what one reclaim is after.
    private static final long BATCH_BYTES = Frames.bytes(Vmscan.SWAP_CLUSTER_MAX);
    private static final long NOT_NOW = Long.MAX_VALUE;
    /// Reclaims for one batch, while they make progress (`MAX_RECLAIM_RETRIES`).
    private static final int MAX_RECLAIMS = 16;
    /// The kernel's `MEMCG_CHARGE_BATCH`: frames to which its delays are scaled.
    private static final long CHARGE_BATCH = 64;
    /// `MEMCG_DELAY_PRECISION_SHIFT` and `MEMCG_DELAY_SCALING_SHIFT`: a group that is a tenth over
    /// sleeps 640 ms for each 64 frames.
    private static final int PRECISION_SHIFT = 20;
    private static final int SCALING_SHIFT = 14;
    /// Shorter sleeps are not worth the switch: HZ/100.
    private static final long MIN_TICKS = Clock.HZ / 100;
    /// `MEMCG_MAX_HIGH_DELAY_JIFFIES`.
    private static final long MAX_TICKS = 2 * Clock.HZ;
    /// Beyond so many times `high` the longest delay is due in any case; bounds the square.
    private static final long MAX_OVERAGE = 16L << PRECISION_SHIFT;

    private final Vmscan vmscan;
    private final WaitQueue sleepers;
    private volatile boolean closing;

    HighThrottle(PageAllocator.Parts parts) {
        this.vmscan = parts.vmscan();
        this.sleepers = new WaitQueue(parts.clock());
    }

    /// `bytes` were just charged to `group` by a request of `gfp`; 0 for an outer request whose
    /// inner ones have charged. Who may not block, or is in reclaim, owes and leaves it to others.
    void charged(MemGroup group, Task task, long bytes, int gfp) {
        boolean pays = Gfp.allowsBlocking(gfp) && (task.flags() & Task.NORECLAIM) == 0;
        for (MemGroup g = group; g != null; g = g.parent()) {
            if (g.charged() > g.high()) {
                long owed = g.oweForHigh(bytes, pays ? BATCH_BYTES : NOT_NOW);
                if (owed > 0) {
                    bringDown(g, task, owed, gfp);
                }
            }
        }
    }

    /// Ends the sleeps, now and later.
    void close() {
        closing = true;
        sleepers.wakeAll();
    }

    private void bringDown(MemGroup g, Task task, long owed, int gfp) {
        g.count(Event.HIGH);
        boolean progress = true;
        for (int i = 0; i < MAX_RECLAIMS && progress && g.charged() > g.high(); i++) {
            progress = vmscan.tryToFreeGroupPages(g, gfp) > 0 && !closing;
        }
        long ticks = delayTicks(g.charged(), g.high(), Frames.count(owed));
        boolean mayWait = (gfp & (Gfp.FS | Gfp.IO)) == (Gfp.FS | Gfp.IO) && !task.excludesAny()
                && !KernelThread.isCurrent();
        if (ticks > 0 && mayWait) {
            long seen = sleepers.sequence();
            if (!closing) {
                sleepers.await(seen, ticks * Clock.TICK_NANOS);
            }
        }
    }

    /// How long one who charged `frames` to a group with this charge and `high` sleeps: it grows
    /// with the square of the part that is above (`calculate_high_delay`).
    static long delayTicks(long charged, long high, long frames) {
        if (charged <= high) {
            return 0;
        }
        double part = (double) (charged - high) / Math.max(high, 1) * (1L << PRECISION_SHIFT);
        long overage = (long) Math.min(part, MAX_OVERAGE);
        long ticks = (overage * overage) >> PRECISION_SHIFT;
        ticks = ((ticks * Clock.HZ) >> SCALING_SHIFT) * frames / CHARGE_BATCH;
        return ticks <= MIN_TICKS ? 0 : Math.min(ticks, MAX_TICKS);
    }
}
