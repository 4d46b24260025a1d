package dev.polder;

import dev.polder.memgroup.MemGroup;
import dev.polder.memgroup.MemGroup.Event;
import java.util.ArrayList;
import java.util.List;

/// Figures of one memory group, in bytes unless said otherwise; a cgroup's `memory.current`,
/// `memory.events` and limits. [MemGroup#MAX] stands for no limit.
///
/// @param path the group's path from the root
/// @param charged charged to it and those below it
/// @param peak the most that was ever charged
/// @param objects what small objects of this very group take
/// @param min kept from reclaim from outside
/// @param low kept from it while there is something else
/// @param high above it those who charge reclaim
/// @param max the hard limit
/// @param failed whether it, or one above it, has failed and was not reset
/// @param failures times the out-of-memory policy chose it (a count)
/// @param refused requests that got nothing because of it (a count)
/// @param atMax charges that its `max` stood in the way of (a count)
/// @param aboveHigh times somebody had to reclaim because of its `high` (a count)
public record GroupInfo(String path, long charged, long peak, long objects, long min, long low,
        long high, long max, boolean failed, long failures, long refused, long atMax,
        long aboveHigh) {
    /// All groups of a tree, the root first, each before those below it.
    static List<GroupInfo> all(MemGroup root) {
        List<GroupInfo> out = new ArrayList<>();
        add(root, out);
        return List.copyOf(out);
    }

    private static void add(MemGroup g, List<GroupInfo> out) {
        out.add(new GroupInfo(g.path(), g.charged(), g.peak(), g.objectBytes(), g.min(), g.low(),
                g.high(), g.max(), g.failed(), g.events(Event.FAILED), g.events(Event.REFUSED),
                g.events(Event.MAX), g.events(Event.HIGH)));
        for (MemGroup child : g.children()) {
            add(child, out);
        }
    }

    /// One line for people: what it holds, the limits that it has, what happened to it.
    @Override
    public String toString() {
        StringBuilder out = new StringBuilder(path).append(": ").append(charged >> 10)
                .append(" kB, peak ").append(peak >> 10).append(" kB");
        limit(out, "min", min, 0);
        limit(out, "low", low, 0);
        limit(out, "high", high, MemGroup.MAX);
        limit(out, "max", max, MemGroup.MAX);
        event(out, refused, "refused");
        event(out, atMax, "times at max");
        event(out, aboveHigh, "times above high");
        event(out, failures, "times failed");
        return out.append(failed ? "; FAILED until reset()" : "").toString();
    }

    private static void limit(StringBuilder out, String name, long bytes, long none) {
        if (bytes != none) {
            out.append(", ").append(name).append(' ').append(bytes >> 10).append(" kB");
        }
    }

    private static void event(StringBuilder out, long times, String what) {
        if (times != 0) {
            out.append(", ").append(times).append(' ').append(what);
        }
    }
}
