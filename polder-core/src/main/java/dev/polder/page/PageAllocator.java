package dev.polder.page;

import dev.polder.base.Frames;
import dev.polder.debug.FaultInjector;
import dev.polder.debug.Findings;
import dev.polder.debug.ObjectTrack;
import dev.polder.gfp.AllowedMask;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.os.PoolMemory;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.zone.FrameTable;
import dev.polder.zone.Zone;
import java.util.function.Consumer;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Runs of 2^order frames of a pool. The kernel's `alloc_pages` and `free_pages`.
///
/// A run is named by the number of its first frame, at least 1; 0 means that there was no memory.
/// Any thread may free what another allocated.
///
/// Notes
///
/// Order of a request (`__alloc_pages`): narrow the mask by the thread's scopes, once (B11); tell
/// the lock checker; let the fault injector fail it; charge the memory group; take from the free
/// lists above the low watermark; else the slow path ([SlowPath]). No lock is held at any of these
/// steps (R1).
public final class PageAllocator {
    private final String pool;
    private final Zone zone;
    private final PoolMemory memory;
    private final ShrinkerRegistry shrinkers;
    private final VmStat stat;
    private final Clock clock;
    private final FsReclaim.Reclaimer reclaimer;
    private final SlowPath slowPath;
    private final Charges charges;
    private volatile @Nullable PageRequestListener listener;
    private volatile FaultInjector faults = FaultInjector.NONE;
    private volatile boolean ended;
    private @Nullable RunDebug debug;

    /// The page allocator of a pool. Wired by `dev.polder.Polder`.
    public PageAllocator(Parts parts) {
        this.pool = parts.pool();
        this.zone = parts.zone();
        this.memory = parts.memory();
        this.shrinkers = parts.shrinkers();
        this.stat = parts.stat();
        this.clock = parts.clock();
        this.reclaimer = parts.vmscan();
        this.slowPath = new SlowPath(parts);
        this.charges = new Charges(parts, slowPath);
        shrinkers.groups(parts.root());
        shrinkers.addInternal(new PageListReclaimer(zone));
    }

    /// Takes a run of 2^order frames.
    ///
    /// @param order 0..[Frames#MAX_ORDER]; a larger one is a shortage at once (row D1)
    /// @param gfp a set of [Gfp] bits; the thread's scopes narrow it
    /// @return the run, or 0
    /// @throws IllegalArgumentException if `order` is negative or `gfp` has unknown bits
    /// @throws IllegalStateException if the pool is closed
    public long alloc(int order, int gfp) {
        return alloc(Role.DIRECT, order, Gfp.check(gfp));
    }

    /// The same for Polder's own layers, which say what the run is for.
    public long alloc(Role role, int order, int gfp) {
        if (order < 0) {
            throw new IllegalArgumentException(
                    "order must be 0.." + Frames.MAX_ORDER + ", not " + order);
        }
        Task task = Task.current();
        int used = used(gfp);
        FsReclaim.mightAlloc(gfp, reclaimer);
        count(task, gfp, used);
        long run = 0;
        if (order <= Frames.MAX_ORDER && !injected(role, order, used)) {
            run = charged(role, task, order, used);
        }
        if (run == 0) {
            stat.add(Item.ALLOC_FAIL);
        } else {
            prepare(role, task, run, order, gfp);
        }
        tell(role, order, gfp, used, run);
        return run;
    }

    /// One attempt above the low watermark: no reclaim, no reserve, no wait. The kernel's
    /// `alloc_pages_bulk`, for a caller that has another try; that there was nothing is not a
    /// request that failed, and nobody is told.
    ///
    /// @param order 0..[Frames#MAX_ORDER]
    public long tryAlloc(Role role, int order, int gfp) {
        Task task = Task.current();
        int used = used(gfp);
        if (injected(role, order, used)) {
            return 0;
        }
        slowPath.requireOpen();
        MemGroup group = role.isCharged() ? charges.groupOf(task, used) : null;
        if (group != null && !charges.charge(group, task, order,
                used & ~(Gfp.DIRECT_RECLAIM | Gfp.NOFAIL))) {
            return 0;
        }
        long run = zone.take(order, zone.marks().low());
        if (group != null) {
            charges.settle(group, run, order);
        }
        if (run == 0) {
            return 0;
        }
        count(task, gfp, used);
        prepare(role, task, run, order, gfp);
        tell(role, order, gfp, used, run);
        return run;
    }

    /// Tells the listener of a request; the run is free again if that throws.
    private void tell(Role role, int order, int gfp, int used, long run) {
        PageRequestListener l = listener;
        if (l == null) {
            return;
        }
        boolean told = false;
        try {
            l.request(role, order, gfp, used, run != 0);
            told = true;
        } finally {
            if (!told) {
                free(run);
            }
        }
    }

    private void prepare(Role role, Task task, long run, int order, int gfp) {
        stat.add(Item.PGALLOC, 1L << order);
        if (task.inReclaim()) {
            // A consumer that takes a frame to give one back has made no progress, and a request
            // that hears of progress goes round again.
            task.addReclaimed(zone, -(1L << order));
        }
        RunDebug watching = debug;
        if (watching != null) {
            watching.taken(role, run, order);
        }
        if ((gfp & Gfp.ZERO) != 0) {
            memory.zero(address(run), Frames.SIZE << order);
        }
    }

    /// Gives a run back. Never allocates, waits or calls a consumer.
    ///
    /// @param run what [#alloc] returned; 0 does nothing
    /// @throws IllegalArgumentException if `run` is not the first frame of a run in use
    /// @throws IllegalStateException if the pool is closed
    public void free(long run) {
        if (run == 0) {
            return;
        }
        requireMemory();
        FrameTable frames = zone.frames();
        if (!frames.isHead(run)) {
            throw new IllegalArgumentException("run " + run + " cannot be freed: it is "
                    + frames.describe(run) + "; pass what alloc returned, once"
                    + (debug == null ? "" : debug.describe(run)));
        }
        Object owner = frames.owner(run);
        if (owner != null) {
            throw new IllegalArgumentException("run " + run + " cannot be freed: it belongs to "
                    + owner + "; free it through the allocator that gave it out");
        }
        int order = frames.order(run);
        charges.release(run, order);
        if (debug != null) {
            debug.freed(run, order);
        }
        zone.give(run);
        stat.add(Item.PGFREE, 1L << order);
    }

    /// Charges a run, which its owner kept uncharged for re-use, to whom a request of `gfp` made
    /// now would be charged. May reclaim, as a request does.
    ///
    /// @return false if a limit refuses; nothing is charged then
    public boolean charge(long run, int gfp) {
        Task task = Task.current();
        int used = used(gfp);
        MemGroup group = charges.groupOf(task, used);
        if (group == null) {
            return true;
        }
        int order = zone.frames().order(run);
        if (!charges.charge(group, task, order, used)) {
            return false;
        }
        charges.settle(group, run, order);
        return true;
    }

    /// Takes the charge off a run that its owner keeps for re-use.
    public void uncharge(long run) {
        charges.release(run, zone.frames().order(run));
    }

    /// True if a group pays for a run in use.
    public boolean isCharged(long run) {
        return charges.isCharged(run);
    }

    /// The group to which an object is charged that this thread asks for with `gfp`: the one
    /// entered, the root with ACCOUNT, else null.
    public @Nullable MemGroup payer(Task task, int gfp) {
        return charges.groupOf(task, gfp);
    }

    /// Charges an object that lies in a run charged to nobody. May reclaim, as a request does.
    ///
    /// @param payer what [#payer] said
    /// @param bytes the object's room
    /// @return false if a limit refuses; nothing is charged then
    public boolean chargeObject(MemGroup payer, long bytes, int gfp) {
        int used = used(gfp);
        return charges.chargeObject(payer, Task.current(), bytes, used);
    }

    /// Makes up for what was charged above `high` of the group that pays for `gfp`: for a layer
    /// that asked with less than its caller's mask and has what it wanted. May reclaim and sleep,
    /// as a request does.
    ///
    /// @param gfp the caller's mask
    public void payForHigh(int gfp) {
        if (charges.anyHigh() && Gfp.allowsBlocking(gfp)) {
            Task task = Task.current();
            MemGroup group = charges.groupOf(task, gfp);
            if (group != null) {
                charges.payForHigh(group, task, used(gfp));
            }
        }
    }

    /// Address of the run's first byte in the linear map.
    ///
    /// @throws IllegalArgumentException if `run` is no frame of this pool
    public long address(long run) {
        if (run <= 0 || !zone.frames().inRange(run)) {
            throw new IllegalArgumentException("run " + run + " is no frame of this pool (1.."
                    + (zone.frames().size() - 1) + ")");
        }
        return zone.addressOf(run);
    }

    /// Waits a moment before an open-coded retry, `memalloc_retry_wait` (row B16): a
    /// tick if the narrowed mask may block and has no NORETRY, else 20 ms.
    public void retryWait(int gfp) {
        int used = Memalloc.effective(gfp);
        boolean soon = Gfp.allowsBlocking(used) && (used & Gfp.NORETRY) == 0;
        slowPath.sleep(soon ? Clock.TICK_NANOS : Clock.HZ / 50 * Clock.TICK_NANOS);
        slowPath.requireOpen();
    }

    /// The frame table.
    public FrameTable frames() {
        return zone.frames();
    }

    /// Frame that holds `address`, or -1 if it lies outside the linear map.
    public long pfnOf(long address) {
        return zone.pfnOf(address);
    }

    /// The zone below.
    public Zone zone() {
        return zone;
    }

    /// The memory below.
    public PoolMemory memory() {
        return memory;
    }

    /// The pool's counters.
    public VmStat stat() {
        return stat;
    }

    /// The pool's clock.
    public Clock clock() {
        return clock;
    }

    /// Who reclaims for this pool's requests, for the lock checker.
    public FsReclaim.Reclaimer reclaimer() {
        return reclaimer;
    }

    /// The pool's shrinkers.
    public ShrinkerRegistry shrinkers() {
        return shrinkers;
    }

    /// True once the pool is closing.
    public boolean closing() {
        return slowPath.closing();
    }

    /// Refuses new requests and ends waits: those threads get an IllegalStateException.
    public void close() {
        slowPath.close();
        charges.close();
    }

    /// Throws if the pool closes: for those above who would take something before they ask here.
    ///
    /// @throws IllegalStateException after [#close]
    public void requireOpen() {
        slowPath.requireOpen();
    }

    /// Names who knows what the layers above hold most of, in words; null while they hold nothing.
    /// Asked by the thread that tells of a long wait.
    public void above(Supplier<@Nullable String> holder) {
        slowPath.above(Objects.requireNonNull(holder, "holder"));
    }

    /// The pool's name.
    public String pool() {
        return pool;
    }

    /// Refuses returns, too: the memory is about to go. After [#close], when every layer above has
    /// given back what it kept.
    public void end() {
        ended = true;
    }

    /// True once the memory has gone.
    public boolean ended() {
        return ended;
    }

    /// Throws if the memory has gone.
    ///
    /// @throws IllegalStateException after [#end]
    public void requireMemory() {
        if (ended) {
            throw new IllegalStateException("pool '" + pool
                    + "' is closed and its memory is gone; there is nothing left to free");
        }
    }

    /// Watches the runs that programs take themselves, in debug mode. Before anybody takes one.
    public void watch(Findings findings) {
        debug = new RunDebug(zone.frames(), memory.segment(), findings);
    }

    /// Shows the size and the taker of each such run in use, in debug mode.
    public void forEachTrack(Consumer<ObjectTrack> visitor) {
        if (debug != null) {
            debug.forEachTrack(visitor);
        }
    }

    /// Sees every request from now on; null for nobody.
    public void listener(@Nullable PageRequestListener l) {
        listener = l;
    }

    /// Sees every step of the slow path from now on.
    void trace(SlowPathTrace t) {
        slowPath.trace(t);
    }

    /// Asks `f` before each request that may fail. What layers above keep of runs they freed, such
    /// as `kmalloc`'s in sheaves, is no request: the slabs' own injector is asked there.
    public void faultInjector(FaultInjector f) {
        faults = f;
    }

    /// Walks every invariant of the zone and the charges and throws on the first that fails.
    public void verify() {
        zone.verify();
        charges.verify(zone.frames());
        if (debug != null) {
            debug.verify();
        }
    }

    /// Shows every run that is charged to a group.
    public void audit(ChargeAudit audit) {
        charges.audit(zone.frames(), audit);
    }

    private long charged(Role role, Task task, int order, int used) {
        slowPath.requireOpen();
        MemGroup requester = charges.groupOf(task, used);
        MemGroup group = role.isCharged() ? requester : null;
        if (group != null && !charges.charge(group, task, order, used)) {
            return 0;
        }
        long run = 0;
        try {
            run = zone.take(order, zone.marks().low());
            if (run == 0) {
                run = slowly(task, requester, order, used);
            }
        } finally {
            if (group != null) {
                charges.settle(group, run, order);
            }
        }
        return run;
    }

    /// The slow path, whose waits count against the patience of the whole request.
    private long slowly(Task task, @Nullable MemGroup requester, int order, int used) {
        if (task.patienceNanos() == 0) {
            return slowPath.alloc(task, requester, order, used);
        }
        long start = clock.nanos();
        try {
            return slowPath.alloc(task, requester, order, used);
        } finally {
            task.spendPatience(clock.nanos() - start);
        }
    }

    /// What is left of a mask: the bits that are allowed now (A13), in this thread's scopes, on a
    /// thread that may have been declared non-blocking.
    private int used(int gfp) {
        return nonBlocking(Memalloc.effective(AllowedMask.apply(gfp)));
    }

    private int nonBlocking(int used) {
        if (!Gfp.allowsBlocking(used)) {
            return used;
        }
        return switch (NonBlockingThreads.modeOfCurrent()) {
            case ALLOW -> used;
            case REPORT -> report(used, "allowed, as its policy says");
            case NARROW -> (used & Gfp.NOFAIL) == 0
                    ? used & ~Gfp.DIRECT_RECLAIM
                    : report(used, "allowed, since NOFAIL cannot be narrowed");
        };
    }

    private int report(int used, String action) {
        PolderEvents.reporter().blockingOnEventLoop(pool, Thread.currentThread(), used, action);
        return used;
    }

    private boolean injected(Role role, int order, int used) {
        FaultInjector f = faults;
        return (used & Gfp.NOFAIL) == 0 && f.shouldFail(role.label(), order, used);
    }

    private void count(Task task, int gfp, int used) {
        if ((gfp & Gfp.NOFAIL) != 0) {
            stat.add(Item.NOFAIL_REQUESTS);
        }
        if ((task.flags() & Task.NOIO) != 0) {
            stat.add(Item.NOIO_SCOPE_ALLOCS);
        }
        if (used != gfp) {
            stat.add(Item.SCOPE_NARROWED_ALLOCS);
        }
    }

    /// What a page allocator is made of.
    ///
    /// @param pool the pool's name, for messages
    /// @param zone the frames
    /// @param memory the memory behind them
    /// @param vmscan direct reclaim
    /// @param kswapd background reclaim
    /// @param shrinkers the consumers
    /// @param stat the counters
    /// @param clock the time and park port
    /// @param root the root memory group
    /// @param policy who is to fail when nothing can be reclaimed
    public record Parts(String pool, Zone zone, PoolMemory memory, Vmscan vmscan, Kswapd kswapd,
            ShrinkerRegistry shrinkers, VmStat stat, Clock clock, MemGroup root,
            OutOfMemoryPolicy policy) {
    }
}
