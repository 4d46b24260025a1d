package dev.polder.page;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.reclaim.Vmscan;
import dev.polder.task.Task;
import dev.polder.zone.FrameTable;
import org.jspecify.annotations.Nullable;

/// Which memory group pays for which run. The kernel's `mem_cgroup_charge` for pages.
///
/// Notes
///
/// A charge is made before a run is taken and settled after: kept for a run, given back without
/// one. The payer is noted at the run's head by the thread that owns the run, so plain access
/// suffices.
final class Charges {
    /// Tries to bring a group below its limit before the request fails (`MAX_RECLAIM_RETRIES`).
    private static final int MAX_TRIES = 16;

    private final MemGroup root;
    private final @Nullable MemGroup[] payer;
    private final Vmscan vmscan;

    Charges(MemGroup root, int frames, Vmscan vmscan) {
        this.root = root;
        this.payer = new MemGroup[frames];
        this.vmscan = vmscan;
    }

    /// The group that pays for a request: the one entered, the root with ACCOUNT, else null.
    @Nullable MemGroup groupOf(Task task, int used) {
        MemGroup entered = task.group() == null ? null : MemGroup.entered(task, root);
        return entered != null || (used & Gfp.ACCOUNT) == 0 ? entered : root;
    }

    /// Charges an object of `bytes`. One climb of the tree pays for a whole frame of them.
    boolean chargeObject(MemGroup group, Task task, long bytes, int used) {
        if (group.takeObject(bytes)) {
            return true;
        }
        long frames = Frames.bytes(Frames.count(bytes));
        if (!charge(group, task, frames, used)) {
            return false;
        }
        group.addObject(bytes, frames);
        return true;
    }

    /// Charges a run of `order`, reclaiming if a limit refuses and the mask may block.
    boolean charge(MemGroup group, Task task, int order, int used) {
        return charge(group, task, Frames.SIZE << order, used);
    }

    private boolean charge(MemGroup group, Task task, long bytes, int used) {
        boolean force = (used & (Gfp.NOFAIL | Gfp.HIGH)) != 0
                || (task.flags() & Task.NORECLAIM) != 0;
        if (force) {
            group.charge(bytes);
            return true;
        }
        for (int i = 0; i < MAX_TRIES; i++) {
            MemGroup refuser = group.tryCharge(bytes);
            if (refuser == null) {
                return true;
            }
            if (i == 0) {
                refuser.count(MemGroup.Event.MAX);
            }
            if (refuser.failed() || !Gfp.allowsBlocking(used)
                    || vmscan.tryToFreeGroupPages(refuser.id(), used) == 0
                    || (used & Gfp.NORETRY) != 0) {
                refuser.count(MemGroup.Event.REFUSED);
                return false;
            }
        }
        return false;
    }

    /// Notes the payer of `run`, or takes the charge back if there is no run.
    void settle(MemGroup group, long run, int order) {
        if (run == 0) {
            group.uncharge(Frames.SIZE << order);
        } else {
            payer[(int) run] = group;
        }
    }

    /// Takes back the charge of a run that is freed.
    void release(long run, int order) {
        MemGroup group = payer[(int) run];
        if (group != null) {
            payer[(int) run] = null;
            group.uncharge(Frames.SIZE << order);
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
