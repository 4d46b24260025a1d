package dev.polder.slab;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.task.Task;

/// Runs that `kmalloc` keeps in the sheaves of an owner, who frees them and takes them again, and a
/// drainer who calls them back and then takes one: the state of a jcstress test. Whoever has a run
/// says so, sees whether somebody else has it, and whether it is recorded as his.
class RecalledRuns {
    /// Both are runs of four frames.
    private static final int OWNERS_SIZE = 12_000;
    private static final int DRAINERS_SIZE = 15_000;
    /// What an owner does in the time of a recall.
    private static final int ROUNDS = 8;
    /// Looks of the drainer at its run, to have it while the owner works.
    private static final int LOOKS = 200;
    private static final int MASK = Gfp.NOWAIT | Gfp.NOWARN;
    private static final Holders HOLDERS = new Holders((int) Frames.SIZE);
    private static final Slabs SLABS = HOLDERS.slabs;
    /// The sheaves of the last owner.
    private static volatile ThreadSheaves owners = ThreadSheaves.VACANT;

    private int ownersFaults;
    private int drainersFaults;

    /// Takes runs and gives them back, into the sheaf.
    final void owner() {
        for (int i = 0; i < ROUNDS; i++) {
            ownersFaults += use(OWNERS_SIZE, 1);
        }
        if (Task.current().poolState(SLABS.poolIndex()) instanceof TaskSheaves mine) {
            mine.forEach(t -> {
                if (t.cache() instanceof RunCache && t != owners) {
                    owners = t;
                }
            });
        }
    }

    /// Reclaim calls all runs back; then the drainer has one.
    final void drain() {
        SLABS.drainSheaves();
        drainersFaults += use(DRAINERS_SIZE, LOOKS);
    }

    /// The same by hand, without the barrier and without a look at the busy word.
    final void drainWithoutBarrier() {
        ThreadSheaves t = owners;
        if (t != ThreadSheaves.VACANT) {
            t.revoke();
            Sheaf chain = t.detach(null);
            t.restore();
            try {
                for (Sheaf s = chain; s != null; s = s.next) {
                    t.cache().putBack(s);
                    t.cache().sheaves().keep(s);
                }
            } catch (RuntimeException | AssertionError e) {
                drainersFaults++;
            }
        }
        drainersFaults += use(DRAINERS_SIZE, LOOKS);
    }

    /// What was wrong.
    final int faults() {
        return ownersFaults + drainersFaults;
    }

    /// Takes a run, looks at it, and gives it back; 1 if it was not this thread's alone, or if
    /// somebody noticed on the way that something is wrong.
    private static int use(int size, int looks) {
        try {
            long address = HOLDERS.kmalloc().alloc(size, MASK);
            return address == 0 || isAlone(address, size, looks) ? 0 : 1;
        } catch (RuntimeException | AssertionError e) {
            return 1;
        }
    }

    private static boolean isAlone(long address, int size, int looks) {
        boolean alone = HOLDERS.take(address);
        for (int i = 0; i < looks; i++) {
            alone &= SLABS.large().requested(address) == size;
        }
        alone &= HOLDERS.leave(address);
        HOLDERS.kmalloc().free(address);
        return alone;
    }
}
