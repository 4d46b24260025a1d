package dev.polder.slab;

import dev.polder.task.Task;

/// A place of [SheafTable] where the sheaves of a thread that has ended, and those of two living
/// ones, would stand: the state of a jcstress test. Who finds himself there must stay until he
/// leaves.
class ReusedPlace {
    /// Looks at a place that is one's own, to be there while the other comes or goes.
    private static final int LOOKS = 20;
    private static final Holders HOLDERS = new Holders(1024);
    private static final ThreadSheaves ONE = sheaves(Task.current(), HOLDERS.cache);
    private static final ThreadSheaves OTHER = meeting(true);
    private static final ThreadSheaves ENDED = meeting(false);

    private int faults;
    private int othersFaults;

    /// The sheaves of the ended thread come and go.
    final void comeAndGo() {
        SheafTable.settle(ENDED);
        SheafTable.vacate(ENDED);
    }

    /// A thread takes the place for a while.
    final void sit() {
        faults += sit(ONE);
    }

    /// Another does.
    final void otherSits() {
        othersFaults += sit(OTHER);
    }

    /// How often somebody was not where he sat.
    final int faults() {
        return faults + othersFaults;
    }

    private static int sit(ThreadSheaves mine) {
        SheafTable.settle(mine);
        int away = 0;
        if (SheafTable.find(mine.key) == mine) {
            for (int i = 0; i < LOOKS; i++) {
                away += SheafTable.find(mine.key) == mine ? 0 : 1;
            }
            SheafTable.vacate(mine);
        }
        return away;
    }

    /// Sheaves of another thread that would stand where [#ONE] do.
    private static ThreadSheaves meeting(boolean living) {
        SlabCache cache = HOLDERS.cache;
        return sheaves(ThreadOfPlace.find(cache.key(), SheafTable.place(ONE.key), living), cache);
    }

    private static ThreadSheaves sheaves(Task owner, SlabCache cache) {
        return new ThreadSheaves(new TaskSheaves(owner, HOLDERS.slabs), cache);
    }
}
