package dev.polder;

import dev.polder.base.Check;
import dev.polder.base.Counted;
import dev.polder.base.Frames;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The areas, large objects and runs that hold most, for the report of a shortage.
///
/// Thousands of one size are one line: five lines of 16 KiB would say nothing of the 30 MiB that
/// their like hold. One that is alone of its size stands with its address.
final class TopHolders {
    /// Sizes are told apart by powers of two; no size has more.
    private static final int SIZES = Long.SIZE;

    /// A line of the report.
    private record Holder(long bytes, String what) {}

    private final String kind;
    private final long[] number = new long[SIZES];
    private final long[] bytes = new long[SIZES];
    private final long[] address = new long[SIZES];

    private TopHolders(String kind) {
        this.kind = kind;
    }

    /// The `most` lines that stand for most memory, the largest first.
    static List<String> of(Wiring parts, int most) {
        TopHolders areas = new TopHolders("area");
        parts.vmalloc().forEachArea((address, requested, _, _) -> areas.add(address, requested));
        TopHolders large = new TopHolders("large object");
        parts.kmalloc().forEachLarge(large::add);
        List<Holder> all = new ArrayList<>();
        areas.addLines(all);
        large.addLines(all);
        long[] runs = new long[Frames.MAX_ORDER + 1];
        Leftovers.forEachRun(parts, (_, bytes) -> runs[Frames.orderFor(bytes)]++);
        for (int k = 0; k < runs.length; k++) {
            if (runs[k] > 0) {
                all.add(new Holder(runs[k] * (Frames.SIZE << k),
                        Counted.of(runs[k], "run") + " of order " + k));
            }
        }
        all.sort(Comparator.comparingLong(Holder::bytes).reversed().thenComparing(Holder::what));
        return all.stream().limit(most).map(h -> h.what + "  " + ShortageText.mib(h.bytes))
                .toList();
    }

    private void add(long at, long size) {
        int k = Frames.orderFor(size);
        number[k]++;
        bytes[k] += size;
        address[k] = at;
    }

    private void addLines(List<Holder> all) {
        for (int k = 0; k < SIZES; k++) {
            if (number[k] == 1) {
                all.add(new Holder(bytes[k], kind + " " + Check.hex(address[k])));
            } else if (number[k] > 1) {
                all.add(new Holder(bytes[k], number[k] + " " + kind + "s of up to "
                        + ShortageText.mib(Frames.SIZE << k)));
            }
        }
    }
}
