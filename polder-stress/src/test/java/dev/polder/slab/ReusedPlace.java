package dev.polder.slab;

import dev.polder.task.Task;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A place of [SheafTable] where the sheaves of a thread that has ended stand, and two newcomers
/// for it: the state of a jcstress test. Who finds himself there must stay until he leaves.
class ReusedPlace {
    private static final Holders HOLDERS = new Holders(1024);
    private static final SlabCache ONE = HOLDERS.cache;
    private static final SlabCache OTHER = new SlabCache(HOLDERS.slabs, "other", 1024);
    private static final Task ENDED = EndedThread.task();
    /// Every state has a place to itself.
    private static final AtomicInteger PLACES = new AtomicInteger();

    private final int place = PLACES.getAndIncrement();
    private final ThreadSheaves before = sheaves(ENDED, ONE);
    private final ThreadSheaves one = sheaves(Task.current(), ONE);
    private final ThreadSheaves other = sheaves(Task.current(), OTHER);
    private boolean oneSat;
    private boolean otherSat;

    /// The sheaves of the ended thread are in their place.
    ReusedPlace() {
        SheafTable.settle(before, offset(before));
    }

    /// Somebody takes the ended thread's sheaves out.
    final void vacate() {
        SheafTable.vacate(before, offset(before));
    }

    /// A thread wants the place for its sheaves for one cache.
    final void settleOne() {
        oneSat = settles(one);
    }

    /// The same for its sheaves for another.
    final void settleOther() {
        otherSat = settles(other);
    }

    /// How many found themselves in the place, and 10 for each that is not there any more or
    /// finds somebody else. All leave.
    final int sum() {
        int sum = judge(one, oneSat) + judge(other, otherSat);
        SheafTable.vacate(before, offset(before));
        SheafTable.vacate(one, offset(one));
        SheafTable.vacate(other, offset(other));
        return sum;
    }

    private int judge(ThreadSheaves mine, boolean sat) {
        ThreadSheaves found = find(mine);
        boolean sits = found == mine;
        return (sat ? 1 : 0) + (sat != sits || (found != null && !sits) ? 10 : 0);
    }

    private boolean settles(ThreadSheaves mine) {
        SheafTable.settle(mine, offset(mine));
        return find(mine) == mine;
    }

    private @Nullable ThreadSheaves find(ThreadSheaves mine) {
        return SheafTable.find(mine.cache(), offset(mine), mine.threadId);
    }

    /// Where a cache's row begins if its sheaves of that thread stand in this place.
    private int offset(ThreadSheaves mine) {
        return place - SheafTable.place(0, mine.threadId);
    }

    private static ThreadSheaves sheaves(Task owner, SlabCache cache) {
        return new ThreadSheaves(new TaskSheaves(owner, HOLDERS.slabs), cache);
    }
}
