package dev.polder.stat;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Locale;

/// Event counters of one pool: the kernel's `vm_event_item` and what `/proc/vmstat` prints.
///
/// A thread adds to the stripe that its id selects, so threads seldom meet on a cache line; a
/// reader sums the stripes. A sum read while others count is some value between the true ones
/// before and after the read; nothing added is ever lost. [#add] allocates nothing and may be
/// called anywhere.
public final class VmStat {

    // Notes. One array holds all stripes. A stripe is the items rounded up to whole cache lines,
    // and one line of padding stands before the first, so that no stripe shares a line with the
    // array's header or with its neighbour. Virtual threads draw ids from the same sequence as
    // platform threads: the low bits of an id spread both.

    /// What is counted. The name in lower case is the public one; units stand last where they are
    /// not events.
    public enum Item {
        /// Frames handed out by the page allocator.
        PGALLOC,
        /// Frames given back to the page allocator.
        PGFREE,
        /// Requests that reached the slow path.
        PGALLOC_SLOW,
        /// Requests that failed for shortage.
        ALLOC_FAIL,
        /// Frames handed out below the min watermark to somebody entitled to the reserve.
        ALLOC_RESERVE,
        /// Page requests with NOFAIL.
        NOFAIL_REQUESTS,
        /// Page requests made inside a NOIO scope.
        NOIO_SCOPE_ALLOCS,
        /// Page requests that a scope narrowed.
        SCOPE_NARROWED_ALLOCS,
        /// Requests served by a run that their own reclaim freed, kept for them meanwhile.
        RECLAIM_CAPTURED,
        /// Rounds through the slow path beyond the first.
        ALLOC_RETRY,

        /// Direct reclaims (a thread had to free memory itself).
        ALLOCSTALL,
        /// Direct reclaims by a mask with IO and FS, inside no exclusion.
        ALLOCSTALL_NORMAL,
        /// Direct reclaims without FS.
        ALLOCSTALL_NOFS,
        /// Direct reclaims without IO.
        ALLOCSTALL_NOIO,
        /// Direct reclaims inside a domain exclusion.
        ALLOCSTALL_DOMAIN,
        /// Time in direct reclaim, all kinds.
        ALLOCSTALL_NANOS,
        /// Time in direct reclaim by a mask with IO and FS, inside no exclusion.
        ALLOCSTALL_NORMAL_NANOS,
        /// Time in direct reclaim without FS.
        ALLOCSTALL_NOFS_NANOS,
        /// Time in direct reclaim without IO.
        ALLOCSTALL_NOIO_NANOS,
        /// Time in direct reclaim inside a domain exclusion.
        ALLOCSTALL_DOMAIN_NANOS,
        /// Direct reclaims refused because the thread was in reclaim or in a noreclaim scope (R3).
        ALLOCSTALL_NESTED,

        /// Objects that direct reclaimers asked consumers to scan.
        PGSCAN_DIRECT,
        /// Objects that kswapd asked consumers to scan.
        PGSCAN_KSWAPD,
        /// Frames that direct reclaimers got back.
        PGSTEAL_DIRECT,
        /// Frames that kswapd got back.
        PGSTEAL_KSWAPD,
        /// Frames got back from Polder's own caches, by anybody; part of the two above.
        PGSTEAL_INTERNAL,
        /// Direct reclaimers that had to wait because the reserve was half gone.
        PGSCAN_DIRECT_THROTTLE,

        /// Times kswapd was woken.
        KSWAPD_WAKE,
        /// Balance runs of kswapd.
        KSWAPD_RUNS,
        /// Balance runs that freed nothing.
        KSWAPD_FRUITLESS,
        /// Wishes for a higher order that were passed by because earlier runs for it were in vain.
        KSWAPD_ORDER_DEFERRED,
        /// Runs on behalf of a restricted direct reclaimer while kswapd was hopeless.
        KSWAPD_RESCUE,
        /// Times kswapd gave the pool up as hopeless.
        KSWAPD_HOPELESS,
        /// Threads started in place of a kswapd that died.
        KSWAPD_RESTART,
        /// Times kswapd was found stuck inside one consumer.
        KSWAPD_STUCK,
        /// Throwables that kswapd survived.
        KSWAPD_THROWS,

        /// Throttle sleeps because cleaning is behind.
        THROTTLE_WRITEBACK,
        /// Throttle sleeps because too much is in the hands of other reclaimers.
        THROTTLE_ISOLATED,
        /// Throttle sleeps because reclaim made no progress.
        THROTTLE_NOPROGRESS,
        /// Throttle sleeps because every consumer was contended.
        THROTTLE_CONGESTED,
        /// Time in throttle sleeps and at the reserve throttle.
        THROTTLE_NANOS,

        /// Objects scanned by consumers.
        SLABS_SCANNED,
        /// Calls of a consumer's `count`.
        SHRINK_COUNT_CALLS,
        /// Calls of a consumer's `scan`.
        SHRINK_SCAN_CALLS,
        /// Scans that answered STOP.
        SHRINK_STOPS,
        /// Scans not made because the reclaimer's scope excludes the shrinker's domain.
        SHRINK_SKIPPED_DOMAIN,
        /// Scans that answered STOP to a mask without FS or IO.
        SHRINK_SKIPPED_MASK,
        /// Shrinkers passed over because kswapd was stuck in them.
        SHRINK_SKIPPED_STUCK,
        /// Turns of a shrinker that ended because a long row of scans brought nothing back.
        SHRINK_VAIN,
        /// Objects put back for a later reclaimer.
        SHRINK_DEFERRED,
        /// Throwables out of consumers' callbacks.
        SHRINK_THROWS,
        /// Answers that cannot be true, and were replaced by safe ones.
        SHRINK_LIES,
        /// Times a shrinker was set aside because it kept throwing.
        SHRINK_QUARANTINED,

        /// Areas made by vmalloc.
        VMALLOC_CALLS,
        /// Areas taken again from the lazily freed ones.
        VMALLOC_LAZY_REUSE,
        /// Areas really unmapped.
        VMALLOC_PURGED,
        /// Frames asked for vmalloc's page tables.
        PGTABLE_REQUESTS,
        /// Page-table requests that a scope or exclusion kept from all that GFP_KERNEL may do.
        PGTABLE_NARROWED,
        /// kvmalloc requests that vmalloc served.
        KVMALLOC_FALLBACK,

        /// Blocks of the largest order for which a request itself had to ask the system.
        COMMIT_DIRECT,
        /// Blocks for which background reclaim asked ahead of need.
        COMMIT_AHEAD,
        /// Blocks that the system refused.
        COMMIT_REFUSED,
        /// Blocks that nobody needed and that went back to the system.
        GIVE_BACK,
        /// Times less went back than was to, because the system refused or somebody was quicker.
        GIVE_BACK_REFUSED,

        /// Times the out-of-memory policy was asked.
        OOM_INVOKED,
        /// Memory groups that the policy failed.
        OOM_KILL;

        private final String label = name().toLowerCase(Locale.ROOT);

        /// The name that reports and files print, as in vmstat: lower case.
        public String label() {
            return label;
        }
    }

    private static final VarHandle CELL = MethodHandles.arrayElementVarHandle(long[].class);

    /// 64-byte lines of 8 longs, taken in pairs because processors prefetch the neighbour.
    private static final int LINE = 16;

    private static final int ITEMS = Item.values().length;
    private static final int STRIDE = (ITEMS + LINE - 1) / LINE * LINE;

    /// More stripes than 64 cost more to sum than they save.
    private static final int MAX_STRIPES = 64;

    private final long[] cells;
    private final int mask;

    /// Counters that all stand at zero, with a stripe for each processor.
    public VmStat() {
        int cpus = Math.min(Runtime.getRuntime().availableProcessors(), MAX_STRIPES);
        int stripes = Integer.highestOneBit(Math.max(1, 2 * cpus - 1));
        this.mask = stripes - 1;
        this.cells = new long[LINE + stripes * STRIDE];
    }

    /// Counts one event.
    public void add(Item item) {
        add(item, 1);
    }

    /// Adds `n`, which may be negative for gauges that go down.
    public void add(Item item, long n) {
        int stripe = (int) Thread.currentThread().threadId() & mask;
        long before = (long) CELL.getAndAdd(cells, index(stripe, item.ordinal()), n);
        assert n < 0 || before + n >= before : "counter overflow";
    }

    /// The item's sum over all stripes.
    public long get(Item item) {
        return sum(item.ordinal());
    }

    /// All sums, indexed by [Item#ordinal()]. They are not of one instant.
    public long[] snapshot() {
        long[] sums = new long[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            sums[i] = sum(i);
        }
        return sums;
    }

    private long sum(int ordinal) {
        long sum = 0;
        for (int stripe = 0; stripe <= mask; stripe++) {
            sum += (long) CELL.getOpaque(cells, index(stripe, ordinal));
        }
        return sum;
    }

    private static int index(int stripe, int ordinal) {
        return LINE + stripe * STRIDE + ordinal;
    }
}
