package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.ModelObjects.Obj;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A reserve of elements over a cache of its own, rows J1 to J5.
final class ModelReserve {
    /// Bytes of an element.
    static final int ELEMENT = 6000;
    /// The longest that one sleeps before the cache is asked again, 5 s (J3).
    private static final long SLEEP_TICKS = 1250;

    private final Set<Mistake> mistakes;
    private final ModelObjects objects;
    private final ModelTime time;
    private final ModelObjects.SizeClass cache;
    private final List<Obj> stored = new ArrayList<>();
    /// Elements that the reserve holds when it is full; -1: there is none.
    private int minimum = -1;
    private int lent;

    ModelReserve(ModelObjects objects, ModelTime time, Set<Mistake> mistakes) {
        this.objects = objects;
        this.cache = objects.newClass(ELEMENT);
        this.time = time;
        this.mistakes = mistakes;
    }

    boolean exists() {
        return minimum >= 0;
    }

    /// J1: filled at once, or nothing.
    boolean create(int wanted) {
        boolean all = true;
        for (int i = 0; all && i < wanted; i++) {
            long at = objects.nextAddress();
            Obj o = objects.take(cache, at, Gfp.KERNEL);
            all = o != null;
            if (o != null) {
                stored.add(unpaid(o));
            }
        }
        if (all || mistakes.contains(Mistake.RESERVE_MADE_IN_PART)) {
            minimum = wanted;
        } else {
            giveBack();
        }
        objects.giveEmptyBack();
        return all;
    }

    /// False if elements are lent.
    boolean close() {
        if (lent > 0) {
            return false;
        }
        minimum = -1;
        giveBack();
        return true;
    }

    private void giveBack() {
        stored.forEach(objects::free);
        stored.clear();
    }

    /// Nobody pays for what lies in reserve, nor for what is lent from there.
    private Obj unpaid(Obj o) {
        return mistakes.contains(Mistake.RESERVE_STAYS_CHARGED) ? o : objects.unpaid(o);
    }

    /// J2, J3.
    @Nullable Obj take(int gfp) {
        int full = gfp | Gfp.NORETRY | Gfp.NOWARN;
        if (!mistakes.contains(Mistake.ELEMENT_MAY_USE_THE_RESERVES)) {
            full |= Gfp.NOMEMALLOC;
        }
        if (!mistakes.contains(Mistake.ELEMENT_INSISTED_ON)) {
            full &= ~Gfp.NOFAIL;
        }
        int mask = full & ~Gfp.DIRECT_RECLAIM;
        if (!mistakes.contains(Mistake.FIRST_ELEMENT_WITH_IO)) {
            mask &= ~Gfp.IO;
        }
        if (mistakes.contains(Mistake.FIRST_ELEMENT_RECLAIMS)) {
            mask |= full & Gfp.DIRECT_RECLAIM;
        }
        long at = objects.nextAddress();
        while (true) {
            boolean reserveFirst = mistakes.contains(Mistake.RESERVE_BEFORE_THE_CACHE)
                    && !stored.isEmpty();
            Obj got = reserveFirst ? null : objects.take(cache, at, mask);
            if (got == null) {
                got = fromReserve(at);
            }
            if (got != null) {
                if (got.address() != at) {
                    throw new AssertionError("an element lies at " + at + ", not at "
                            + got.address());
                }
                lent++;
                return got;
            }
            if (mask != full && !mistakes.contains(Mistake.ELEMENT_TRIED_ONCE)) {
                mask = full;
            } else if (Gfp.has(gfp, Gfp.DIRECT_RECLAIM)
                    && !mistakes.contains(Mistake.ELEMENT_REFUSED)) {
                time.park(SLEEP_TICKS);
            } else {
                return null;
            }
        }
    }

    private @Nullable Obj fromReserve(long at) {
        for (Obj o : stored) {
            if (o.address() == at) {
                stored.remove(o);
                return o;
            }
        }
        return stored.isEmpty() ? null : stored.removeLast();
    }

    /// J5: the reserve is filled first.
    void free(Obj element) {
        lent--;
        if (stored.size() < minimum && !mistakes.contains(Mistake.ELEMENT_FREED_PAST_THE_RESERVE)) {
            stored.add(unpaid(element));
        } else {
            objects.free(element);
        }
    }

    /// Whether an object is one of this cache.
    boolean owns(Obj o) {
        return o.slab().home() == cache;
    }
}
