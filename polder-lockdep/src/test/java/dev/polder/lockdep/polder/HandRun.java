package dev.polder.lockdep.polder;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The reclaim of an allocator that is not Polder's: a list of shrinkers, run by hand.
final class HandRun implements FsReclaim.Reclaimer {
    private record Entry(String name, Shrinker shrinker, @Nullable ReclaimDomain domain) {}

    private final List<Entry> shrinkers = new ArrayList<>();
    private final String pool;

    HandRun(String pool) {
        this.pool = pool;
    }

    @Override
    public String pool() {
        return pool;
    }

    void add(String name, Shrinker shrinker, @Nullable ReclaimDomain domain) {
        shrinkers.add(new Entry(name, shrinker, domain));
    }

    @Override
    public void force(int effectiveGfp) {
        Task task = Task.current();
        ShrinkControl none = ShrinkControl.of(effectiveGfp, 0);
        ShrinkControl one = ShrinkControl.of(effectiveGfp, 1);
        FsReclaim.acquire(effectiveGfp, this);
        int token = task.enterReclaim();
        try {
            for (Entry e : shrinkers) {
                boolean may = e.domain() == null || !task.excludes(e.domain());
                FsReclaim.callbackEnter(e.name(), e.domain(), none.mayWait());
                e.shrinker().count(none);
                if (may && e.shrinker().scan(none) != Shrinker.STOP) {
                    e.shrinker().scan(one);
                }
                FsReclaim.callbackLeave(e.name(), e.domain());
            }
        } finally {
            task.leaveReclaim(token);
            FsReclaim.release(effectiveGfp, this);
        }
    }
}
