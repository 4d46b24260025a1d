package dev.polder.slab;

import dev.polder.gfp.Gfp;

/// Objects in the sheaves of stripes, as virtual threads use them: somebody takes and gives objects
/// while a drainer calls them home and then takes one. The state of a jcstress test; its threads
/// are platform threads without sheaves of their own, which go the same way.
class RecalledStripes {
    private static final int MASK = Gfp.NOWAIT | Gfp.NOWARN;
    /// What the one does in the time of a recall.
    private static final int ROUNDS = 8;
    private static final Holders HOLDERS = new Holders(1024);
    private static final SlabCache CACHE = HOLDERS.cache;

    static {
        HOLDERS.slabs.threads().suspend(true);
    }

    private int usersFaults;
    private int drainersFaults;

    /// Takes objects and gives them back, two at a time.
    final void user() {
        for (int i = 0; i < ROUNDS; i++) {
            usersFaults += use();
        }
    }

    /// Reclaim calls all objects home; then the drainer has two.
    final void drain() {
        HOLDERS.slabs.drainSheaves();
        drainersFaults += use();
    }

    /// The same by hand, without the stripes' words.
    final void drainUnlocked() {
        try {
            for (SheafStripe s : CACHE.sheaves().stripes()) {
                Sheaf sheaf = s.loaded;
                if (sheaf != null) {
                    CACHE.putBack(sheaf);
                }
            }
        } catch (RuntimeException | AssertionError e) {
            drainersFaults++;
        }
        drainersFaults += use();
    }

    /// What was wrong.
    final int faults() {
        return usersFaults + drainersFaults;
    }

    /// Takes two objects and gives them back; how often one was not this thread's alone, or
    /// somebody noticed on the way that something is wrong.
    private static int use() {
        try {
            long one = CACHE.alloc(MASK);
            long two = CACHE.alloc(MASK);
            return isAlone(one) + isAlone(two);
        } catch (RuntimeException | AssertionError e) {
            return 1;
        }
    }

    private static int isAlone(long object) {
        if (object == 0) {
            return 0;
        }
        boolean alone = HOLDERS.take(object) & HOLDERS.leave(object);
        CACHE.free(object);
        return alone ? 0 : 1;
    }
}
