package dev.polder.page;

import dev.polder.base.Frames;
import dev.polder.gfp.AllowedMask;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.zone.Access;
import dev.polder.zone.Zone;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// What is left when reclaim frees nothing any more: fail a group, wait for others, or give up. The
/// kernel's `__alloc_pages_may_oom` and `out_of_memory` (rows D14–D16).
///
/// Notes
///
/// One thread at a time asks the policy; the others take that as progress and come back. Failing a
/// group is progress only while the group's charge falls: a group that was failed and still holds
/// what it held is not waited for again.
final class EndOfRoad {
    /// Answer: nothing taken, but go on trying.
    static final long GO_ON = 0;
    /// Answer: nobody can be failed; the request gets nothing.
    static final long NOTHING = -1;
    /// Time that a failed group has to let its charge fall.
    private static final long GRACE_NANOS = Clock.HZ * Clock.TICK_NANOS;

    private final String pool;
    private final Zone zone;
    private final VmStat stat;
    private final Clock clock;
    private final MemGroup root;
    private final OutOfMemoryPolicy policy;
    private final SlowPath slowPath;
    private final AtomicBoolean busy = new AtomicBoolean();

    // The last victim; guarded by `busy`.
    private @Nullable MemGroup victim;
    private long victimCharge;
    private long victimSince;

    EndOfRoad(PageAllocator.Parts parts, SlowPath slowPath) {
        this.pool = parts.pool();
        this.zone = parts.zone();
        this.stat = parts.stat();
        this.clock = parts.clock();
        this.root = parts.root();
        this.policy = parts.policy();
        this.slowPath = slowPath;
    }

    /// A run (positive), [#GO_ON] or [#NOTHING].
    long enter(@Nullable MemGroup group, Task task, int order, int gfp) {
        if (!busy.compareAndSet(false, true)) {
            return GO_ON;
        }
        try {
            slowPath.requireOpen();
            long run = slowPath.take(order, zone.marks().high(), Access.ORDINARY);
            if (run != 0) {
                return run;
            }
            if (order > Frames.COSTLY_ORDER || (gfp & Gfp.RETRY_MAYFAIL) != 0
                    || AllowedMask.storageSuspended()) {
                return NOTHING;
            }
            if ((gfp & Gfp.FS) == 0 || task.excludesAny()) {
                return goOn(order, gfp);
            }
            stat.add(Item.OOM_INVOKED);
            boolean failing = failAGroup(group == null ? root : group, order, gfp);
            return failing || (gfp & Gfp.NOFAIL) != 0 ? goOn(order, gfp) : NOTHING;
        } finally {
            busy.set(false);
        }
    }

    /// D18: NOFAIL gets one attempt that ignores the watermarks; the others just go on.
    private long goOn(int order, int gfp) {
        return (gfp & Gfp.NOFAIL) == 0 ? GO_ON : slowPath.take(order, -1, Access.RESERVES);
    }

    private boolean failAGroup(MemGroup requester, int order, int gfp) {
        long now = clock.nanos();
        MemGroup last = victim;
        if (last != null) {
            long charge = last.charged();
            if (charge < victimCharge) {
                victimCharge = charge;
                victimSince = now;
                return true;
            }
            if (charge > 0 && last.failed() && now - victimSince < GRACE_NANOS) {
                return true;
            }
            victim = null;
        }
        MemGroup next = policy.choose(root, requester);
        if (next == null) {
            return false;
        }
        next.fail();
        PolderEvents.reporter().outOfMemory(pool, order, gfp, "group " + next.path()
                + ", which holds " + next.charged() + " bytes, is failed until its reset()");
        stat.add(Item.OOM_KILL);
        victim = next;
        victimCharge = next.charged();
        victimSince = now;
        return true;
    }
}
