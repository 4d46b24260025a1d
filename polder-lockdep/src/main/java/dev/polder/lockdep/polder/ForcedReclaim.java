package dev.polder.lockdep.polder;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.task.Task;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// Runs reclaim's callbacks though memory is plenty, so that a plain unit test shows what reclaim
/// takes.
///
/// Every n-th allocation that may reclaim first calls each registered shrinker as direct reclaim
/// with its mask would, on its thread: `count`, then `scan` for 0 and for 1 object. A shrinker
/// whose domain the thread excludes is counted but not scanned. Inside reclaim nothing is forced.
public final class ForcedReclaim {
    private record Callback(String name, Shrinker shrinker, @Nullable ReclaimDomain domain) {}

    /// Objects asked for, one call each: none at all, to see the locks only, and one.
    private static final long[] TO_SCAN = {0, 1};

    private final List<Callback> callbacks = new CopyOnWriteArrayList<>();
    private final AtomicLong allocations = new AtomicLong();
    private final AtomicLong runs = new AtomicLong();
    private final AtomicLong throwing = new AtomicLong();
    private final int every;

    /// Forces reclaim at every n-th allocation; 0 never.
    public ForcedReclaim(int every) {
        if (every < 0) {
            throw new IllegalArgumentException("reclaim forced every " + every + " allocations");
        }
        this.every = every;
    }

    /// Whether anything is ever forced.
    public boolean isOn() {
        return every > 0;
    }

    /// Adds a shrinker.
    public void register(String name, Shrinker shrinker, @Nullable ReclaimDomain domain) {
        callbacks.add(new Callback(name, shrinker, domain));
    }

    /// Removes a shrinker. A thread that runs it at the moment goes on.
    @SuppressWarnings("ReferenceEquality") // the very object, whatever its equals says
    public void unregister(Shrinker shrinker) {
        callbacks.removeIf(c -> c.shrinker() == shrinker);
    }

    /// How often reclaim was forced.
    public long runs() {
        return runs.get();
    }

    /// How many calls of shrinkers threw; reclaim takes that for STOP, and so does this.
    public long throwing() {
        return throwing.get();
    }

    /// An allocation is made that may reclaim.
    void allocation(int effectiveGfp, Task task) {
        if (task.inReclaim() || callbacks.isEmpty() || allocations.incrementAndGet() % every != 0) {
            return;
        }
        runs.incrementAndGet();
        ShrinkControl[] controls = new ShrinkControl[TO_SCAN.length];
        for (int i = 0; i < controls.length; i++) {
            controls[i] = ShrinkControl.of(effectiveGfp, TO_SCAN[i]);
        }
        FsReclaim.acquire(effectiveGfp);
        int token = task.enterReclaim();
        try {
            for (Callback c : callbacks) {
                call(c, controls, task);
            }
        } finally {
            task.leaveReclaim(token);
            FsReclaim.release(effectiveGfp);
        }
    }

    private void call(Callback c, ShrinkControl[] controls, Task task) {
        boolean mayScan = c.domain() == null || !task.excludes(c.domain());
        FsReclaim.callbackEnter(c.name(), c.domain(), controls[0].mayWait());
        try {
            c.shrinker().count(controls[0]);
            for (int i = 0; mayScan && i < controls.length; i++) {
                if (c.shrinker().scan(controls[i]) == Shrinker.STOP) {
                    break;
                }
            }
        } catch (RuntimeException | Error e) {
            throwing.incrementAndGet();
        } finally {
            FsReclaim.callbackLeave(c.name(), c.domain());
        }
    }
}
