package dev.polder;

import dev.polder.base.Counted;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.memgroup.MemGroup;
import dev.polder.page.NonBlockingThreads;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.ReclaimReport;
import dev.polder.slab.SlabCacheStats;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.FailedRequest;
import dev.polder.task.Task;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The figures of one failed request, copied when it failed, on the thread that failed, after all
/// of Polder's locks were left. Heap memory is all that this needs.
///
/// @param size bytes that were asked for
/// @param gfp the mask that was passed
/// @param used that mask as the scopes left it
/// @param asker the thread, in words
/// @param scopes the thread's scopes, in words
/// @param group the path of the memory group that the thread works for
/// @param refused what the group's limit says, or null if no limit was in the way
/// @param tried what the request for pages went through, in words
/// @param info the pool
/// @param freeBlocks free blocks of each order
/// @param kswapd how background reclaim is, in words
/// @param history what the pool has gone through since it was opened, in words
/// @param caches the object caches that hold most
/// @param objects the areas, large objects and runs that hold most; none for a mask that may not
///     block, since that walk takes time
/// @param groups the memory groups that hold most
/// @param reclaim the shrinkers, and which of them were of no use
record Shortage(long size, int gfp, int used, String asker, String scopes, String group,
        @Nullable String refused, String tried, MemInfo info, List<Long> freeBlocks,
        String kswapd, String history, List<SlabCacheStats> caches, List<String> objects,
        List<GroupInfo> groups, ReclaimReport reclaim) {
    private static final int TOP = 5;
    private static final long NANOS_PER_MILLI = 1_000_000;

    /// The exception for a request of the current thread that has just failed.
    static AllocationFailedException exception(Polder pool, long size, int gfp) {
        return new AllocationFailedException(of(pool, size, gfp));
    }

    private static Shortage of(Polder pool, long size, int gfp) {
        Wiring parts = pool.parts();
        Task task = Task.current();
        int used = Memalloc.effective(gfp);
        MemGroup group = MemGroup.entered(task, parts.root());
        MemInfo info = pool.memInfo();
        String refused = refusal(group, size);
        return new Shortage(size, gfp, used, askerNow(), task.describeScopes(),
                group == null ? parts.root().path() : group.path(), refused,
                refused != null ? notAsked(task, "the limit below was reached first")
                        : size > info.budget() ? notAsked(task, "it is larger than the pool")
                        : tried(task.failedRequest()), info,
                Arrays.stream(parts.pages().zone().freeBlocks()).boxed().toList(),
                kswapd(parts.kswapd()), history(parts), topCaches(parts),
                Gfp.allowsBlocking(used) ? TopHolders.of(parts, TOP) : List.of(), topGroups(info),
                parts.vmscan().report(used));
    }

    private static String askerNow() {
        Thread t = Thread.currentThread();
        return "thread '" + t.getName() + "' (" + (t.isVirtual() ? "virtual, " : "") + "id "
                + t.threadId() + (NonBlockingThreads.isCurrent() ? ", declared non-blocking" : "")
                + ')';
    }

    private static @Nullable String refusal(@Nullable MemGroup group, long size) {
        for (MemGroup g = group; g != null; g = g.parent()) {
            if (g.failed()) {
                return "group " + g.path()
                        + " was failed by the out-of-memory policy; its owner must"
                        + " free its memory and call reset()";
            }
            if (g.max() != MemGroup.MAX && g.charged() + size > g.max()) {
                return "group " + g.path() + " holds " + ShortageText.mib(g.charged())
                        + " of its limit of " + ShortageText.mib(g.max());
            }
        }
        return null;
    }

    /// What the thread's last failed request for pages was is another story then.
    private static String notAsked(Task task, String why) {
        task.failedRequest().clear();
        return "no pages were asked for: " + why;
    }

    /// The last request for pages is the one that the failure came of: what is larger goes to the
    /// page allocator run by run, and ends with the first that fails for good.
    private static String tried(FailedRequest last) {
        if (last.order() < 0) {
            return "no request for pages failed: what was missing is addresses, mappings or the"
                    + " system's consent, or a fault was injected";
        }
        String what = "order " + last.order() + " with " + Gfp.toString(last.gfp()) + ": at low, ";
        if (Gfp.allowsBlocking(last.gfp())) {
            what += "at min, then " + Counted.of(last.rounds(), "round") + " of direct"
                    + " reclaim, which freed "
                    + ShortageText.mib(Frames.bytes(last.freedFrames()));
        } else {
            what += "at min and below as far as the mask may; it may not reclaim";
        }
        String text = what + ", in " + last.nanos() / NANOS_PER_MILLI + " ms";
        last.clear();
        return text;
    }

    private static String kswapd(Kswapd kswapd) {
        String how = kswapd.stopped() ? "stopped" : kswapd.hopeless()
                ? "hopeless, its last runs freed nothing" : kswapd.idle() ? "asleep" : "at work";
        return how + ", " + Counted.of(kswapd.runs(), "run");
    }

    private static String history(Wiring parts) {
        long[] sums = parts.stat().snapshot();
        long failed = sums[Item.OOM_KILL.ordinal()];
        return Counted.of(sums[Item.ALLOCSTALL.ordinal()], "direct reclaim") + " took "
                + sums[Item.ALLOCSTALL_NANOS.ordinal()] / NANOS_PER_MILLI + " ms, "
                + Counted.of(sums[Item.ALLOC_FAIL.ordinal()], "request") + " for pages failed, "
                + Counted.of(failed, "group") + (failed == 1 ? " was" : " were")
                + " failed, the system refused "
                + Counted.of(sums[Item.COMMIT_REFUSED.ordinal()], "block");
    }

    private static List<SlabCacheStats> topCaches(Wiring parts) {
        List<SlabCacheStats> all = parts.slabs().stats();
        all.removeIf(s -> s.frames() == 0);
        all.sort(Comparator.comparingLong(SlabCacheStats::frames).reversed());
        return List.copyOf(all.subList(0, Math.min(TOP, all.size())));
    }

    /// The groups that hold most, at whatever depth; the root says nothing that the pool does not.
    private static List<GroupInfo> topGroups(MemInfo info) {
        return info.groups().stream().skip(1).filter(g -> g.charged() > 0)
                .sorted(Comparator.comparingLong(GroupInfo::charged).reversed()).limit(TOP)
                .toList();
    }

    /// The failed group that holds most, for which somebody waited in vain; null if none does.
    @Nullable GroupInfo stubborn() {
        return info.groups().stream().filter(g -> g.failed() && g.charged() > 0)
                .max(Comparator.comparingLong(GroupInfo::charged)).orElse(null);
    }

    /// Runs of frames and large objects: what is used and nobody else's.
    long runs() {
        return Math.max(0, info.used() - info.slab() - info.vmalloc() - info.vmallocLazy()
                - info.pageTables());
    }

    /// Whether there are frames enough, and only mappings are too few to put them side by side.
    boolean lacksMappings() {
        return size > Frames.SIZE && info.mode().equals("linux") && info.free() - info.min() > size
                && mappingsNeeded() > info.mappingsLimit() - info.mappingsUsed();
    }

    /// The fewest mappings that an area of this size needs as the free blocks lie: one for each
    /// block, the largest first, and one for the guard behind.
    long mappingsNeeded() {
        long left = Frames.count(size);
        long needed = 1;
        for (int k = freeBlocks.size() - 1; k >= 0 && left > 0; k--) {
            long taken = Math.min(freeBlocks.get(k), (left + (1L << k) - 1) >> k);
            needed += taken;
            left -= taken << k;
        }
        return needed;
    }
}
