package dev.polder.shrink;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.os.Clock;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat;
import dev.polder.task.Task;

/// A shrinker that is closed while a walk goes over its registry, and that knows whether it is
/// called after its close has returned: the state of a jcstress test.
class ClosingShrinker implements Shrinker {
    private static final VmStat STAT = new VmStat();

    private final ShrinkerRegistry registry =
            new ShrinkerRegistry("stress", STAT, Clock.system(), PolderEvents.reporter());
    private final ShrinkerHandle handle =
            registry.register("closing", this, null, 2, 1, false, 1);
    private volatile boolean closed;
    private volatile boolean calledAfterClose;

    @Override
    public final long count(ShrinkControl sc) {
        calledAfterClose |= closed;
        return 1;
    }

    @Override
    public final long scan(ShrinkControl sc) {
        calledAfterClose |= closed;
        return STOP;
    }

    /// One pass of a direct reclaim.
    final void walk() {
        Task task = Task.current();
        int token = task.enterReclaim();
        ShrinkWalk walk = registry.newWalk();
        walk.begin(task, Gfp.KERNEL, false, false, null);
        try {
            walk.shrinkConsumers(0);
        } finally {
            walk.end();
            task.leaveReclaim(token);
        }
    }

    /// A pass that takes no reference to the shrinker.
    final void walkWithoutReference() {
        for (ShrinkerHandle h : registry.handles()) {
            if (h == handle) {
                count(ShrinkControl.of(Gfp.KERNEL, 0));
                scan(ShrinkControl.of(Gfp.KERNEL, 1));
            }
        }
    }

    /// Unregisters, after which nothing of the shrinker may be touched.
    final void close() {
        handle.close();
        closed = true;
    }

    final boolean calledAfterClose() {
        return calledAfterClose;
    }
}
