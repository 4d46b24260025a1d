package dev.polder;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.memgroup.MemGroup;
import dev.polder.reclaim.ReclaimReport;
import dev.polder.slab.SlabCacheStats;
import dev.polder.task.Task;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The figures of one failed request, copied when it failed.
///
/// @param size bytes that were asked for
/// @param gfp the mask that was passed
/// @param used that mask as the scopes left it
/// @param scopes the thread's scopes, in words
/// @param group the memory group that paid, or null
/// @param refused what the group's limit says, or null if no limit was in the way
/// @param info the pool
/// @param freeBlocks free blocks of each order
/// @param caches the object caches that hold most
/// @param areas the vmalloc areas that hold most; none for a mask that may not block, since that
///     walk takes time
/// @param groups the memory groups that hold most
/// @param reclaim the shrinkers that were of no use
record Shortage(long size, int gfp, int used, String scopes, @Nullable MemGroup group,
        @Nullable String refused, MemInfo info, List<Long> freeBlocks, List<SlabCacheStats> caches,
        List<String> areas, List<GroupInfo> groups, ReclaimReport reclaim) {
    private static final int TOP = 5;
    private static final int MAX_SKIPPED = 8;

    /// The exception for a request of the current thread that has just failed.
    static AllocationFailedException exception(Polder pool, long size, int gfp) {
        return new AllocationFailedException(of(pool, size, gfp));
    }

    private static Shortage of(Polder pool, long size, int gfp) {
        Wiring parts = pool.parts();
        int used = Memalloc.effective(gfp);
        MemGroup group = MemGroup.entered(Task.current(), parts.root());
        MemInfo info = pool.memInfo();
        return new Shortage(size, gfp, used, Task.current().describeScopes(), group,
                refusal(group, size), info,
                        Arrays.stream(parts.pages().zone().freeBlocks()).boxed().toList(),
                topCaches(parts), Gfp.allowsBlocking(used) ? topAreas(parts) : List.of(),
                topGroups(info), parts.vmscan().report(used));
    }

    private static @Nullable String refusal(@Nullable MemGroup group, long size) {
        for (MemGroup g = group; g != null; g = g.parent()) {
            if (g.failed()) {
                return "group " + g.path()
                        + " was failed by the out-of-memory policy; its owner must"
                        + " free its memory and call reset()";
            }
            if (g.max() != MemGroup.MAX && g.charged() + size > g.max()) {
                return "group " + g.path() + " holds " + mib(g.charged()) + " of its limit of "
                        + mib(g.max());
            }
        }
        return null;
    }

    private static List<SlabCacheStats> topCaches(Wiring parts) {
        List<SlabCacheStats> all = parts.slabs().stats();
        all.removeIf(s -> s.frames() == 0);
        all.sort(Comparator.comparingLong(SlabCacheStats::frames).reversed());
        return List.copyOf(all.subList(0, Math.min(TOP, all.size())));
    }

    private static List<String> topAreas(Wiring parts) {
        Map<Long, Long> bytesOf = new HashMap<>();
        parts.vmalloc().forEachArea((address, requested, _, _) -> bytesOf.put(address, requested));
        return bytesOf.entrySet().stream()
                .sorted(Map.Entry.<Long, Long>comparingByValue().reversed()
                        .thenComparing(Map.Entry.comparingByKey()))
                .limit(TOP).map(e -> Check.hex(e.getKey()) + "  " + mib(e.getValue())).toList();
    }

    /// The groups that hold most, at whatever depth; the root says nothing that the pool does not.
    private static List<GroupInfo> topGroups(MemInfo info) {
        return info.groups().stream().skip(1).filter(g -> g.charged() > 0)
                .sorted(Comparator.comparingLong(GroupInfo::charged).reversed()).limit(TOP)
                .toList();
    }

    /// Runs of frames and large objects: what is used and nobody else's.
    private long runs() {
        return Math.max(0, info.used() - info.slab() - info.vmalloc() - info.vmallocLazy()
                - info.pageTables());
    }

    /// The message.
    String text() {
        StringBuilder out = new StringBuilder(1024);
        out.append("pool '").append(info.name()).append("' has no memory for ").append(size)
                .append(" bytes (order ").append(Frames.orderFor(size)).append(") with ")
                .append(Gfp.toString(gfp)).append('\n');
        out.append("  mask in use  ").append(Gfp.toString(used)).append("; ").append(scopes)
                .append('\n');
        if (refused != null) {
            out.append("  limit        ").append(refused).append('\n');
        }
        out.append("  pool         budget ").append(mib(info.budget())).append(", free ")
                .append(mib(info.free())).append(", marks: min ").append(mib(info.min()))
                .append(", low ").append(mib(info.low())).append(", high ").append(mib(info.high()))
                .append('\n');
        out.append("  free blocks  ");
        for (int k = 0; k < freeBlocks.size(); k++) {
            out.append(k == 0 ? "" : " ").append(freeBlocks.get(k)).append('×').append(4L << k);
        }
        out.append(" KiB\n");
        if (lacksMappings()) {
            out.append("  mappings     no mapping left: ").append(info.mappingsUsed())
                    .append(" of ").append(info.mappingsLimit()).append(" are used, and as the")
                    .append(" free blocks lie this needs ").append(mappingsNeeded()).append('\n');
        }
        holders(out);
        skipped(out);
        out.append("  what to do   ").append(advice()).append('\n');
        return out.toString();
    }

    private void holders(StringBuilder out) {
        out.append("  held by      object caches ").append(mib(info.slab()))
                .append(", vmalloc areas ").append(mib(info.vmalloc()))
                .append(", runs and large objects ").append(mib(runs())).append('\n');
        out.append("               freed but mapped ").append(mib(info.vmallocLazy()))
                .append(", page tables ").append(mib(info.pageTables())).append('\n');
        for (SlabCacheStats s : caches) {
            out.append("    cache ").append(s.name()).append("  ")
                    .append(mib(Frames.bytes(s.frames()))).append(", ").append(s.activeObjects())
                    .append(" objects in use\n");
        }
        for (String a : areas) {
            out.append("    area ").append(a).append('\n');
        }
        for (GroupInfo g : groups) {
            out.append("    group ").append(g).append('\n');
        }
    }

    private void skipped(StringBuilder out) {
        out.append("  shrinkers    ").append(reclaim.shrinkers())
                .append(" registered, holding about ")
                .append(mib(reclaim.heldBytes())).append(", of which ")
                .append(mib(reclaim.skippedBytes())).append(" were out of reach\n");
        reclaim.skipped().stream().limit(MAX_SKIPPED)
                .forEach(s -> out.append("    ").append(s).append('\n'));
    }

    /// Whether there are frames enough, and only mappings are too few to put them side by side.
    private boolean lacksMappings() {
        return size > Frames.SIZE && info.mode().equals("linux") && info.free() - info.min() > size
                && mappingsNeeded() > info.mappingsLimit() - info.mappingsUsed();
    }

    /// The fewest mappings that an area of this size needs as the free blocks lie: one for each
    /// block, the largest first, and one for the guard behind.
    private long mappingsNeeded() {
        long left = Frames.count(size);
        long needed = 1;
        for (int k = freeBlocks.size() - 1; k >= 0 && left > 0; k--) {
            long taken = Math.min(freeBlocks.get(k), (left + (1L << k) - 1) >> k);
            needed += taken;
            left -= taken << k;
        }
        return needed;
    }

    private String advice() {
        if (refused != null) {
            return "raise the group's limit, or free what the group holds";
        }
        if (size > info.budget()) {
            return "the request is larger than the budget; raise PolderConfig.budget";
        }
        if (lacksMappings()) {
            return "free areas of many pieces; ask for pieces of at most 4 MiB, which need no"
                    + " mapping where they are contiguous; or raise vm.max_map_count, of which"
                    + " Polder takes a quarter";
        }
        if (!Gfp.allowsBlocking(used)) {
            return "the mask may not block, so nothing was reclaimed: allocate ahead, use a "
                    + "MemPool,"
                    + " or allocateAsync";
        }
        if (reclaim.skippedBytes() >= size) {
            return "the scope keeps reclaim out of memory that would do: end it earlier, or exclude"
                    + " only the domain whose lock is held";
        }
        if (reclaim.heldBytes() < size) {
            return "nobody can give that much back: raise the budget, or register a shrinker for "
                    + "what"
                    + " holds the memory";
        }
        return "let the request wait longer (allocationDeadline), or raise the budget";
    }

    /// In MiB with one digit, or below one in whole KiB.
    static String mib(long bytes) {
        return bytes < 1 << 20 ? (bytes >> 10) + " KiB"
                : (bytes >> 20) + "." + (((bytes & 0xfffff) * 10) >> 20) + " MiB";
    }
}
