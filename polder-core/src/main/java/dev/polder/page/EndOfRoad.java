package dev.polder.page;

import dev.polder.base.Frames;
import dev.polder.gfp.AllowedMask;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
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
/// One thread at a time asks the policy; the others take that as progress and come back. Who is
/// failed, and how long that is progress, stands in [Victims].
final class EndOfRoad {
    /// Answer: nothing taken, but go on trying.
    static final long GO_ON = 0;
    /// Answer: nobody can be failed; the request gets nothing.
    static final long NOTHING = -1;

    private final Zone zone;
    private final MemGroup root;
    private final SlowPath slowPath;
    /// Guarded by `busy`.
    private final Victims victims;
    private final AtomicBoolean busy = new AtomicBoolean();

    EndOfRoad(PageAllocator.Parts parts, SlowPath slowPath) {
        this.zone = parts.zone();
        this.root = parts.root();
        this.slowPath = slowPath;
        this.victims = new Victims(parts);
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
            boolean failing = victims.makeWay(root, group == null ? root : group, order, gfp);
            return failing || (gfp & Gfp.NOFAIL) != 0 ? goOn(order, gfp) : NOTHING;
        } finally {
            busy.set(false);
        }
    }

    /// For a limit of `top` that refuses a charge of `requester`, which lies inside: true if it is
    /// worth waiting, because another group inside gives way. Nobody does while storage is away
    /// (A13).
    boolean failInside(MemGroup top, MemGroup requester, int order, int gfp) {
        if (AllowedMask.storageSuspended()) {
            return false;
        }
        if (!busy.compareAndSet(false, true)) {
            return true;
        }
        try {
            slowPath.requireOpen();
            return victims.makeWay(top, requester, order, gfp);
        } finally {
            busy.set(false);
        }
    }

    /// The groups that were failed.
    Victims victims() {
        return victims;
    }

    /// D18: NOFAIL gets one attempt that ignores the watermarks; the others just go on.
    private long goOn(int order, int gfp) {
        return (gfp & Gfp.NOFAIL) == 0 ? GO_ON : slowPath.take(order, -1, Access.RESERVES);
    }
}
