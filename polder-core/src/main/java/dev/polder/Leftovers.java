package dev.polder;

import dev.polder.base.Check;
import dev.polder.base.Counted;
import dev.polder.base.Frames;
import dev.polder.debug.ObjectTrack;
import dev.polder.debug.Trace;
import dev.polder.slab.Kmalloc;
import dev.polder.slab.SlabCacheStats;
import dev.polder.zone.FrameTable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What a closing pool still holds: by cache, area, large object and run, those that hold most
/// first, so that whoever forgot them can be found.
final class Leftovers {
    /// Lines of each kind; more would hide the large ones.
    private static final int TOP = 5;

    /// One line of the report.
    private record Line(long bytes, String text) {}

    private long allocations;
    private long bytes;

    private Leftovers() {}

    /// The report, or null if nothing is left.
    static @Nullable String describe(Wiring parts) {
        Leftovers left = new Leftovers();
        StringBuilder out = new StringBuilder();
        left.append(out, "cache", left.caches(parts));
        left.append(out, "vmalloc area", left.areas(parts));
        left.append(out, "large object", left.large(parts));
        left.append(out, "run", left.runs(parts));
        if (left.allocations == 0) {
            return null;
        }
        left.takers(out, parts);
        return "closed while " + Counted.of(left.allocations, "allocation") + " of " + left.bytes
                + (left.allocations == 1 ? " bytes is in use; free it" : " bytes are in use; free"
                + " them") + " before close" + out;
    }

    private List<Line> caches(Wiring parts) {
        List<Line> lines = new ArrayList<>();
        for (SlabCacheStats s : parts.slabs().stats()) {
            if (s.activeObjects() > 0) {
                long held = s.activeObjects() * s.objectSize();
                allocations += s.activeObjects();
                bytes += held;
                lines.add(new Line(held, s.name() + ": "
                        + Counted.of(s.activeObjects(), "object") + ", " + held + " bytes"));
            }
        }
        return lines;
    }

    private List<Line> areas(Wiring parts) {
        List<Line> lines = new ArrayList<>();
        parts.vmalloc().forEachArea((address, requested, _, _) ->
                lines.add(one(address, requested, requested + " bytes")));
        return lines;
    }

    private List<Line> large(Wiring parts) {
        List<Line> lines = new ArrayList<>();
        parts.kmalloc().forEachLarge((address, requested) ->
                lines.add(one(address, requested, requested + " bytes")));
        return lines;
    }

    /// Runs of the page allocator's own callers: those with no owner among the layers above.
    private List<Line> runs(Wiring parts) {
        List<Line> lines = new ArrayList<>();
        forEachRun(parts, (address, size) -> lines.add(one(address, size,
                "frame " + parts.pages().pfnOf(address) + ", order " + Frames.orderFor(size))));
        return lines;
    }

    /// Sees the runs of the page allocator's own callers, by address and bytes.
    static void forEachRun(Wiring parts, Kmalloc.LargeVisitor visitor) {
        FrameTable frames = parts.pages().frames();
        for (long pfn = 1; pfn < frames.size(); pfn++) {
            if (frames.isHead(pfn) && frames.owner(pfn) == null) {
                visitor.object(parts.pages().address(pfn), Frames.SIZE << frames.order(pfn));
            }
        }
    }

    /// In debug mode: the places that took what is left, those of most bytes first.
    private void takers(StringBuilder out, Wiring parts) {
        Map<List<StackTraceElement>, long[]> byStack = new HashMap<>();
        Consumer<ObjectTrack> add = track -> {
            Trace by = track.allocatedBy();
            if (by != null) {
                long[] sums = byStack.computeIfAbsent(by.stack(), _ -> new long[2]);
                sums[0]++;
                sums[1] += track.requested();
            }
        };
        parts.slabs().forEachTrack(add);
        parts.vmalloc().forEachTrack(add);
        parts.pages().forEachTrack(add);
        byStack.entrySet().stream()
                .sorted(Comparator.comparingLong(e -> -e.getValue()[1])).limit(TOP)
                .forEach(e -> {
                    out.append("\n  ").append(e.getValue()[0]).append(" of them, ")
                            .append(e.getValue()[1]).append(" bytes, allocated");
                    e.getKey().forEach(frame -> out.append("\n    at ").append(frame));
                });
    }

    private Line one(long address, long size, String what) {
        allocations++;
        bytes += size;
        return new Line(size, Check.hex(address) + ": " + what);
    }

    private void append(StringBuilder out, String kind, List<Line> lines) {
        lines.sort(Comparator.comparingLong(Line::bytes).reversed());
        lines.stream().limit(TOP).forEach(
                l -> out.append("\n  ").append(kind).append(' ').append(l.text));
        if (lines.size() > TOP) {
            long rest = lines.stream().skip(TOP).mapToLong(Line::bytes).sum();
            out.append("\n  and ").append(lines.size() - TOP).append(" more of kind ").append(kind)
                    .append(", ").append(rest).append(" bytes");
        }
    }
}
