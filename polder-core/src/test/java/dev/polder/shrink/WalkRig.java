package dev.polder.shrink;

import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.VirtualClock;
import dev.polder.stat.VmStat;
import dev.polder.task.Task;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A registry without a pool around it, and walks over it on the test's thread.
final class WalkRig {

    /// What a listener was told.
    record Threw(String shrinker, Throwable thrown, boolean quarantined) {
    }

    final VirtualClock clock = new VirtualClock();
    final VmStat stat = new VmStat();
    Consumer<Threw> listener = event -> { };
    final List<Threw> events = new CopyOnWriteArrayList<>();
    final ShrinkerRegistry registry = new ShrinkerRegistry("rig", stat, clock, new PolderEvents() {
        @Override
        public void shrinkerThrew(String pool, String shrinker, Throwable thrown,
                boolean quarantined) {
            Threw event = new Threw(shrinker, thrown, quarantined);
            events.add(event);
            listener.accept(event);
        }
    });
    final ShrinkWalk walk = registry.newWalk();

    /// One direct reclaim of one pass, on the calling thread.
    void direct(int gfp, int priority) {
        run(gfp, false, null, priority);
    }

    /// One background reclaim of one pass.
    void background(int gfp, int priority) {
        run(gfp, true, null, priority);
    }

    /// One reclaim of one pass for a memory group.
    void forGroup(MemGroup group, int gfp, int priority) {
        run(gfp, false, group, priority);
    }

    private void run(int gfp, boolean background, @Nullable MemGroup group, int priority) {
        Task task = Task.current();
        int token = task.enterReclaim();
        walk.begin(task, gfp, false, background, group);
        try {
            walk.shrinkConsumers(priority);
        } finally {
            walk.end();
            task.leaveReclaim(token);
        }
    }
}
