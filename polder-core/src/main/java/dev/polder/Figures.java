package dev.polder;

import dev.polder.base.Frames;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.slab.SlabCacheStats;
import dev.polder.stat.VmStat;
import dev.polder.zone.Watermarks;
import dev.polder.zone.Zone;

/// Collects what `memInfo()` and `showMem()` tell.
final class Figures {
    /// Heap bytes of a reference, compressed as up to 32 GiB of heap.
    private static final long REFERENCE = 4;
    /// Heap bytes for a frame: its state, its owner and its payer, its slab, the size of a large
    /// object in it, and the buddy's two links.
    private static final long HEAP_PER_FRAME =
            Byte.BYTES + 3 * REFERENCE + Integer.BYTES + 2 * Integer.BYTES;
    /// Heap bytes for eight objects of a slab: their states, and their bits in its free map.
    private static final long HEAP_PER_8_OBJECTS = 8 * Short.BYTES + 1;

    private Figures() {}

    static MemInfo memInfo(PolderConfig config, Wiring parts) {
        Zone zone = parts.pages().zone();
        Watermarks marks = zone.marks();
        return new MemInfo(config.name(), parts.memory().mode(), config.budget(),
                Frames.bytes(zone.managed()), Frames.bytes(zone.free()),
                Frames.bytes(zone.listed() + parts.slabs().cachedRunFrames()),
                Frames.bytes(marks.min()), Frames.bytes(marks.low()), Frames.bytes(marks.high()),
                Frames.bytes(parts.slabs().frames()),
                Frames.bytes(parts.slabs().reclaimableFrames()),
                parts.vmalloc().liveBytes(), parts.vmalloc().lazyBytes(),
                Frames.bytes(parts.vmalloc().pageTableFrames()),
                Frames.bytes(zone.managed()) - zone.uncommittedBytes(),
                parts.memory().residentBytes(), heapTables(parts), parts.mappings().used(),
                parts.mappings().limit(), GroupInfo.all(parts.root()));
    }

    private static long heapTables(Wiring parts) {
        long objects = 0;
        for (SlabCacheStats s : parts.slabs().stats()) {
            objects += s.objects();
        }
        return heapTables(parts.pages().zone().frames().size())
                + HEAP_PER_8_OBJECTS * objects / 8;
    }

    /// Heap bytes of the tables of a pool of so many frames, before it has any slab.
    static long heapTables(long frames) {
        return HEAP_PER_FRAME * frames;
    }

    static String showMem(PolderConfig config, Wiring parts) {
        MemInfo m = memInfo(config, parts);
        StringBuilder out = new StringBuilder(4096);
        out.append("Polder pool '").append(m.name()).append("', mode ").append(m.mode())
                .append('\n');
        line(out, "Budget", m.budget());
        line(out, "MemTotal", m.total());
        line(out, "MemFree", m.free());
        line(out, "PageLists", m.listed());
        line(out, "WatermarkMin", m.min());
        line(out, "WatermarkLow", m.low());
        line(out, "WatermarkHigh", m.high());
        line(out, "Slab", m.slab());
        line(out, "SReclaimable", m.slabReclaimable());
        line(out, "VmallocUsed", m.vmalloc());
        line(out, "VmallocLazy", m.vmallocLazy());
        line(out, "PageTables", m.pageTables());
        line(out, "Committed", m.committed());
        line(out, "Resident", m.resident());
        line(out, "HeapTables", m.heapTables());
        out.append("Mappings:       ").append(m.mappingsUsed()).append(" of ")
                .append(m.mappingsLimit()).append('\n');
        buddy(out, parts.pages().zone().freeBlocks());
        m.groups().forEach(g -> out.append("group ").append(g).append('\n'));
        shrinkers(out, parts);
        parts.slabs().showSlabs(out);
        counters(out, parts.stat());
        return out.toString();
    }

    private static void line(StringBuilder out, String name, long bytes) {
        out.append(name).append(':').append(" ".repeat(15 - name.length()))
                .append(bytes >> 10).append(" kB\n");
    }

    private static void buddy(StringBuilder out, long[] blocks) {
        out.append("Free blocks by order:");
        for (long n : blocks) {
            out.append(' ').append(n);
        }
        out.append('\n');
    }

    private static void shrinkers(StringBuilder out, Wiring parts) {
        for (ShrinkerHandle h : parts.shrinkers().shrinkers()) {
            out.append("shrinker ").append(h.name()).append(": holds ").append(h.heldBytes() >> 10)
                    .append(h.estimated() ? " kB by estimate, freed " : " kB, freed ")
                    .append(Frames.bytes(h.freedFrames()) >> 10)
                    .append(" kB in ").append(h.scans()).append(" scans, ").append(h.stops())
                    .append(" stops, ").append(h.deferred()).append(" deferred, ")
                    .append(h.skippedByDomain()).append(" skipped by domain\n");
        }
    }

    private static void counters(StringBuilder out, VmStat stat) {
        long[] sums = stat.snapshot();
        for (VmStat.Item item : VmStat.Item.values()) {
            if (sums[item.ordinal()] != 0) {
                out.append(item.label()).append(' ').append(sums[item.ordinal()]).append('\n');
            }
        }
    }
}
