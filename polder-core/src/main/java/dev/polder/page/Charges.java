package dev.polder.page;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.memgroup.MemGroup;
import dev.polder.memgroup.MemGroup.Event;
import dev.polder.os.Clock;
import dev.polder.reclaim.Vmscan;
import dev.polder.task.Task;
import dev.polder.zone.FrameTable;
import org.jspecify.annotations.Nullable;

/// Which memory group pays for what, and what is done when it may not. The kernel's
/// `mem_cgroup_charge` and `try_charge_memcg`.
///
/// Notes
///
/// A charge is made before a run is taken and settled after: kept for a run, given back without
/// one. The payer is noted at the run's head by the thread that owns the run, so plain access
/// suffices. The payer of an object is the slab's to note.
///
/// A limit that refuses is answered in this order: reclaim inside the group, as long as that makes
/// progress; then another group inside the limit is failed, and waited for (the one case in which
/// that may happen without FS, D16); then NOFAIL and HIGH go over the limit (G5), and the others
/// get nothing. A group that has failed refuses everything but NOFAIL.
final class Charges {
    /// Tries without progress before another group is failed (`MAX_RECLAIM_RETRIES`).
    private static final int MAX_TRIES = 16;

    private final MemGroup root;
    private final @Nullable MemGroup[] payer;
    private final Vmscan vmscan;
    private final Clock clock;
    private final SlowPath slowPath;
    private final HighThrottle highThrottle;

    Charges(PageAllocator.Parts parts, SlowPath slowPath) {
        this.root = parts.root();
        this.payer = new MemGroup[parts.zone().frames().size()];
        this.vmscan = parts.vmscan();
        this.clock = parts.clock();
        this.slowPath = slowPath;
        this.highThrottle = new HighThrottle(parts);
    }

    /// The group that pays for a request: the one entered, the root with ACCOUNT, else null.
    @Nullable MemGroup groupOf(Task task, int used) {
        MemGroup entered = task.group() == null ? null : MemGroup.entered(task, root);
        return entered != null || (used & Gfp.ACCOUNT) == 0 ? entered : root;
    }

    /// Charges an object of `bytes`. One climb of the tree pays for a whole frame of them, of which
    /// a group that has failed has no more.
    boolean chargeObject(MemGroup group, Task task, long bytes, int used) {
        if (!group.failed() && group.takeObject(bytes)) {
            return true;
        }
        long frames = Frames.bytes(Frames.count(bytes));
        if (!charge(group, task, Frames.orderFor(bytes), frames, used)) {
            return false;
        }
        group.addObject(bytes, frames);
        return true;
    }

    /// Charges a run of `order`, with what effort the mask allows.
    boolean charge(MemGroup group, Task task, int order, int used) {
        return charge(group, task, order, Frames.SIZE << order, used);
    }

    /// Brings down what requests that may not block have charged above `high`, for one that may.
    void payForHigh(MemGroup group, Task task, int used) {
        highThrottle.charged(group, task, 0, used);
    }

    /// Whether anybody can be above its `high`.
    boolean anyHigh() {
        return root.anyHigh();
    }

    /// Ends the waits: the pool closes.
    void close() {
        highThrottle.close();
    }

    private boolean charge(MemGroup group, Task task, int order, long bytes, int used) {
        MemGroup refuser = group.tryCharge(bytes);
        if (refuser != null && !chargeSlowly(group, refuser, task, order, bytes, used)) {
            return false;
        }
        boolean told = false;
        try {
            highThrottle.charged(group, task, bytes, used);
            told = true;
        } finally {
            if (!told) {
                // It reclaims, and so runs foreign code: the stack may have ended there.
                group.uncharge(bytes);
            }
        }
        return true;
    }

    private boolean chargeSlowly(MemGroup group, MemGroup first, Task task, int order, long bytes,
            int gfp) {
        first.count(Event.MAX);
        boolean inReclaim = (task.flags() & Task.NORECLAIM) != 0;
        MemGroup refuser = first;
        if (!inReclaim && Gfp.allowsBlocking(gfp) && !first.failed()) {
            long start = clock.nanos();
            try {
                refuser = reclaimAndCharge(group, first, task, order, bytes, gfp);
            } finally {
                task.spendPatience(clock.nanos() - start);
            }
            if (refuser == null) {
                return true;
            }
        }
        boolean over = inReclaim || (gfp & Gfp.NOFAIL) != 0
                || ((gfp & Gfp.HIGH) != 0 && !refuser.failed());
        if (over) {
            group.charge(bytes);
        } else {
            refuser.count(Event.REFUSED);
        }
        return over;
    }

    /// Makes room below the limit that refused, and charges.
    ///
    /// @return null if charged, else the group that refused last
    private @Nullable MemGroup reclaimAndCharge(MemGroup group, MemGroup first, Task task,
            int order, long bytes, int gfp) {
        long start = clock.nanos();
        MemGroup refuser = first;
        int fruitless = 0;
        while (true) {
            slowPath.requireOpen();
            boolean progress = vmscan.tryToFreeGroupPages(refuser, gfp) > 0;
            MemGroup again = group.tryCharge(bytes);
            if (again == null) {
                return null;
            }
            refuser = again;
            fruitless = progress && order <= Frames.COSTLY_ORDER ? 0 : fruitless + 1;
            if (refuser.failed() || (gfp & Gfp.NORETRY) != 0
                    || slowPath.expired(start, task, (gfp & Gfp.NOFAIL) != 0)) {
                return refuser;
            }
            if (fruitless > MAX_TRIES) {
                if ((gfp & Gfp.RETRY_MAYFAIL) != 0 || order > Frames.COSTLY_ORDER
                        || !slowPath.failInside(refuser, group, order, gfp)) {
                    return refuser;
                }
                slowPath.waitATick(start, task, order, gfp);
            }
        }
    }

    /// Notes the payer of `run`, or takes the charge back if there is no run.
    void settle(MemGroup group, long run, int order) {
        if (run == 0) {
            group.uncharge(Frames.SIZE << order);
        } else {
            payer[(int) run] = group;
        }
    }

    /// Whether a group pays for a run in use.
    boolean isCharged(long run) {
        return payer[(int) run] != null;
    }

    /// Takes back the charge of a run that is freed.
    void release(long run, int order) {
        MemGroup group = payer[(int) run];
        if (group != null) {
            payer[(int) run] = null;
            group.uncharge(Frames.SIZE << order);
        }
    }

    /// Shows every run that is charged to a group.
    void audit(FrameTable frames, ChargeAudit audit) {
        for (int pfn = 0; pfn < payer.length; pfn++) {
            MemGroup group = payer[pfn];
            if (group != null) {
                audit.run(group, Frames.SIZE << frames.order(pfn));
            }
        }
    }

    /// Only runs in use have a payer.
    void verify(FrameTable frames) {
        for (int pfn = 0; pfn < payer.length; pfn++) {
            Check.that(payer[pfn] == null || frames.isHead(pfn),
                    "a free frame is charged to a group");
        }
    }
}
