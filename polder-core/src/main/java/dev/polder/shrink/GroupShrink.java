package dev.polder.shrink;

import dev.polder.base.Frames;
import dev.polder.memgroup.MemGroup;
import dev.polder.memgroup.MemGroup.Event;
import java.util.List;

/// Asks one group-aware shrinker for each memory group of a tree by itself, and leaves alone what
/// `min` and `low` protect. The kernel's `shrink_node_memcgs` and
/// `mem_cgroup_calculate_protection`.
///
/// Notes
///
/// Protection is from reclaim that comes from above: the group at the top, whose limit or whose
/// pool is short, has none. A child's is its own setting, as far as it is used. Further down,
/// children that are promised more than their parent share what the parent has, by what each is
/// promised and uses; what the parent has beyond their promises goes to them by what they use
/// beyond (`memory_recursiveprot`). A group whose charge is all protected is passed over; of one
/// that is above its protection the part above is asked for.
///
/// Nothing is allocated: lists are read by index. Amounts are whole frames, and shares of them are
/// taken with integers: a part that came out a byte short would open a group that is protected to
/// its last frame.
final class GroupShrink {
    private GroupShrink() {
    }

    static void shrink(ShrinkWalk walk, ShrinkerHandle handle, int priority, MemGroup top) {
        ask(walk, handle, priority, top, 0, 0);
        shrinkBelow(walk, handle, priority, top, MemGroup.MAX, MemGroup.MAX);
    }

    private static void shrinkBelow(ShrinkWalk walk, ShrinkerHandle handle, int priority,
            MemGroup parent, long parentMin, long parentLow) {
        List<MemGroup> children = parent.children();
        long mins = 0;
        long lows = 0;
        for (int i = 0; i < children.size(); i++) {
            MemGroup g = children.get(i);
            mins += frames(Math.min(g.charged(), g.min()));
            lows += frames(Math.min(g.charged(), g.low()));
        }
        for (int i = 0; i < children.size(); i++) {
            MemGroup g = children.get(i);
            long usage = frames(g.charged());
            if (usage == 0) {
                continue;
            }
            long above = frames(parent.charged());
            long min = effective(usage, frames(g.min()), parentMin, above, mins);
            long low = effective(usage, frames(g.low()), parentLow, above, lows);
            ask(walk, handle, priority, g, min, low);
            shrinkBelow(walk, handle, priority, g, min, low);
        }
    }

    /// The protection of a group that uses `usage` and was promised `setting`, below a parent that
    /// has `available` (MAX: it is the top), and beside siblings that claim `claimed` together with
    /// it (`effective_protection`).
    static long effective(long usage, long setting, long available, long parentUsage,
            long claimed) {
        long own = Math.min(usage, setting);
        if (available == MemGroup.MAX) {
            return own;
        }
        if (claimed > available) {
            return part(available, own, claimed);
        }
        if (parentUsage <= claimed || usage <= own) {
            return own;
        }
        long beyond = Math.min(usage - own, parentUsage - claimed);
        return own + part(available - claimed, beyond, parentUsage - claimed);
    }

    /// `whole` · `of` / `by`, rounded down; `of` is at most `by`. Exact up to terabytes.
    static long part(long whole, long of, long by) {
        long product = whole * of;
        return product >= 0 && Math.multiplyHigh(whole, of) == 0 ? product / by
                : (long) ((double) of / by * whole);
    }

    private static long frames(long bytes) {
        return bytes >> Frames.SHIFT;
    }

    private static void ask(ShrinkWalk walk, ShrinkerHandle handle, int priority, MemGroup g,
            long min, long low) {
        long usage = frames(g.charged());
        if (min > 0 && usage <= min) {
            return;
        }
        long protection = min;
        if (low > min) {
            if (!walk.reclaimsLow()) {
                walk.noteLowSkipped();
                protection = low;
            } else if (usage <= low) {
                g.count(Event.LOW);
            }
            if (usage <= protection) {
                return;
            }
        }
        walk.ask(g.id(), usage, protection);
        DoShrink.shrink(walk, handle, priority);
    }
}
