package dev.polder.page;

import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.reclaim.KernelThread;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The groups that were failed to make way for others, and the choice of the next. The kernel's
/// `oom_kill_process` and its victims; a group stands where the kernel has a process, and nobody's
/// thread is stopped.
///
/// Notes
///
/// Failing a group is progress only while its charge falls. Each fall gives it another
/// [#GRACE_NANOS]; one that holds what it held after that is not waited for again, and the next is
/// chosen. A failed group is never chosen twice: it is told once, and recovers by its `reset()`.
///
/// One thread at a time is in here, see [EndOfRoad]; others only read the list, to tell of it.
final class Victims {
    /// Time that a failed group has to let its charge fall: long enough for an owner to stop its
    /// work at the next convenient place, short enough for the others not to wait on a dead one.
    static final long GRACE_NANOS = Clock.HZ * Clock.TICK_NANOS;

    private final String pool;
    private final VmStat stat;
    private final Clock clock;
    private final OutOfMemoryPolicy policy;
    private final List<Victim> victims = new CopyOnWriteArrayList<>();

    private static final class Victim {
        final MemGroup group;
        long charge;
        volatile long since;

        Victim(MemGroup group, long now) {
            this.group = group;
            this.charge = group.charged();
            this.since = now;
        }
    }

    Victims(PageAllocator.Parts parts) {
        this.pool = parts.pool();
        this.stat = parts.stat();
        this.clock = parts.clock();
        this.policy = parts.policy();
    }

    /// Whether it is worth waiting for a group inside `top` to give way to `requester`: one that
    /// was failed and has time left, or else the next, which is failed now.
    ///
    /// @return false if there is nobody but the requester's own groups and `top`
    boolean makeWay(MemGroup top, MemGroup requester, int order, int gfp) {
        stat.add(Item.OOM_INVOKED);
        if (anyGivesWay(top)) {
            return true;
        }
        MemGroup next = choose(top, requester);
        if (next == null) {
            return false;
        }
        fail(next, order, gfp);
        return true;
    }

    /// Who was failed and has time left, in words; null if nobody.
    @Nullable String describe() {
        long now = clock.nanos();
        for (Victim v : victims) {
            if (v.group.failed() && now - v.since < GRACE_NANOS) {
                return "group " + v.group.path() + ", which was failed to make way and still holds "
                        + v.group.charged() + " bytes";
            }
        }
        return null;
    }

    private boolean anyGivesWay(MemGroup top) {
        long now = clock.nanos();
        boolean any = false;
        for (Victim v : victims) {
            long charge = v.group.charged();
            boolean fell = charge < v.charge;
            if (fell) {
                v.charge = charge;
                v.since = now;
            }
            if (top.holds(v.group) && v.group.failed() && (charge > 0 || fell)) {
                any |= fell || now - v.since < GRACE_NANOS;
            }
        }
        victims.removeIf(v -> !v.group.failed() || v.charge == 0);
        return any;
    }

    /// The policy's choice, if it is one that can be.
    private @Nullable MemGroup choose(MemGroup top, MemGroup requester) {
        MemGroup next;
        try {
            next = policy.choose(top, requester);
        } catch (Throwable t) {
            PolderEvents.reporter().trouble(pool, "the out-of-memory policy threw; no group is "
                    + "failed for " + requester.path(), t);
            return null;
        }
        if (next == null || next.failed() || next.holds(requester)) {
            return null;
        }
        if (!top.holds(next)) {
            PolderEvents.reporter().trouble(pool, "the out-of-memory policy chose group "
                    + next.path() + ", which is not inside " + top.path()
                    + "; no group is failed", null);
            return null;
        }
        return next;
    }

    private void fail(MemGroup group, int order, int gfp) {
        group.fail();
        group.count(MemGroup.Event.FAILED);
        stat.add(Item.OOM_KILL);
        victims.add(new Victim(group, clock.nanos()));
        PolderEvents.reporter().outOfMemory(pool, order, gfp, "group " + group.path()
                + ", which holds " + group.charged() + " bytes, is failed until its reset()");
        Consumer<? super MemGroup> owner = group.owner();
        if (owner != null) {
            tell(owner, group);
        }
    }

    /// Tells the owner on a thread of its own, since it may block. It is one of Polder's: what it
    /// does is what others wait for, so no throttle makes it wait (E10).
    private void tell(Consumer<? super MemGroup> owner, MemGroup group) {
        try {
            new KernelThread(() -> run(owner, group), "polder-failed-" + group.name()).start();
        } catch (Throwable noThread) {
            PolderEvents.reporter().trouble(pool, "no thread could be started to tell the owner of "
                    + "group " + group.path() + " that it has failed", noThread);
        }
    }

    private void run(Consumer<? super MemGroup> owner, MemGroup group) {
        try {
            owner.accept(group);
        } catch (Throwable t) {
            PolderEvents.reporter().trouble(pool, "the owner of group " + group.path()
                    + " threw when it was told that the group has failed", t);
        }
    }
}
