package dev.polder;

import dev.polder.base.Check;
import dev.polder.base.CloseSteps;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.kv.KvAllocator;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.memgroup.MemGroup;
import dev.polder.mempool.MemPool;
import dev.polder.os.PoolMemory;
import dev.polder.page.NonBlockingThreads;
import dev.polder.page.PageAllocator;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.slab.Kmalloc;
import dev.polder.slab.SlabCache;
import dev.polder.task.Task;
import dev.polder.vmalloc.Vmalloc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// A pool of off-heap memory with one hard budget, that takes memory back from its consumers when
/// it runs short. The memory of one kernel, so to speak, for one JVM program.
///
/// All methods may be called from any thread. Requests whose mask has DIRECT_RECLAIM may call the
/// registered shrinkers on the calling thread and may wait; say what they must not do with a
/// `MemallocScope` at the lock that matters. Memory is not zeroed without `Gfp.ZERO`.
///
/// Notes
///
/// Segments are slices of one segment over the whole pool, in an arena that [#close] closes:
/// afterwards every access through them throws.
public final class Polder implements AutoCloseable {
    private final PolderConfig config;
    private final Wiring parts;
    private final PoolMemory memory;
    private final MemorySegment all;
    private final long patienceNanos;
    private final AsyncAllocator async;
    private final AtomicBoolean closed = new AtomicBoolean();
    /// Whether a thread is closing the pool now: one at a time.
    private final AtomicBoolean closer = new AtomicBoolean();
    /// What was still allocated at the close; its thread's.
    private @Nullable String left;

    private Polder(PolderConfig config, Wiring parts) {
        this.config = config;
        this.parts = parts;
        this.memory = parts.memory();
        this.all = memory.segment();
        this.patienceNanos = config.allocationDeadline().toNanos();
        this.async = new AsyncAllocator(this);
    }

    /// Opens a pool.
    ///
    /// @throws IllegalStateException if native access is not enabled, the system refuses the
    ///     memory, the budget is above what this container may use, or the Java heap is too small
    ///     for the pool's tables, which need about 0.6 % of the budget; the message says what to do
    public static Polder open(PolderConfig config) {
        Objects.requireNonNull(config, "config");
        return new Polder(config, Wiring.of(config));
    }

    /// Allocates `size` bytes: small ones from object caches, larger ones contiguous if that is
    /// easy, else by mapping frames next to one another (`kvmalloc`).
    ///
    /// @param size in bytes, at least 0; 0 gives an empty segment that is legal to free
    /// @param gfp a set of [Gfp] bits
    /// @throws AllocationFailedException if there is no memory; it says who holds it
    /// @throws IllegalArgumentException if `size` is negative or `gfp` has unknown bits
    /// @throws IllegalStateException if the pool is closed
    public MemorySegment allocate(long size, int gfp) {
        MemorySegment s = tryAllocate(size, gfp);
        if (s == null) {
            throw Shortage.exception(this, size, gfp);
        }
        return s;
    }

    /// Allocates `size` bytes at a multiple of `alignment`. Above an alignment of 4096 the memory
    /// comes in one piece, and so ends at 4 MiB whatever the budget is.
    ///
    /// @param size in bytes, at least 0; at most 4 MiB where `alignment` is above 4096
    /// @param alignment a power of two, at most 4 MiB
    /// @param gfp a set of [Gfp] bits
    /// @throws AllocationFailedException if there is no memory
    /// @throws IllegalArgumentException if an argument is out of range
    public MemorySegment allocate(long size, long alignment, int gfp) {
        requireSize(size);
        if (alignment <= 0 || Long.bitCount(alignment) != 1
                || alignment > Frames.SIZE << Frames.MAX_ORDER) {
            throw new IllegalArgumentException("alignment must be a power of two up to "
                    + (Frames.SIZE << Frames.MAX_ORDER) + ", not " + alignment);
        }
        Gfp.check(gfp);
        if (alignment > Frames.SIZE && size > Kmalloc.MAX_SIZE) {
            throw new IllegalArgumentException(size + " bytes at a multiple of " + alignment
                    + " cannot be had at any budget: what is aligned to more than " + Frames.SIZE
                    + " lies in one piece of at most " + Kmalloc.MAX_SIZE + " bytes");
        }
        if (size > Frames.SIZE && alignment <= Frames.SIZE) {
            return allocate(size, gfp);
        }
        Task task = Task.current();
        long outer = task.patienceNanos(patienceNanos);
        long address;
        try {
            address = parts.kmalloc().alloc(size, alignment, gfp);
        } finally {
            task.patienceNanos(outer);
        }
        if (address == 0) {
            throw Shortage.exception(this, size, gfp);
        }
        return slice(address, size);
    }

    /// As [#allocate(long, int)], but null where that throws [AllocationFailedException].
    public @Nullable MemorySegment tryAllocate(long size, int gfp) {
        long address = parts.kmalloc().takeKept(size, gfp);
        if (address == 0) {
            address = allocPatiently(size, gfp);
        }
        return address == 0 ? null : slice(address, size);
    }

    private long allocPatiently(long size, int gfp) {
        requireSize(size);
        Task task = Task.current();
        long outer = task.patienceNanos(patienceNanos);
        try {
            return parts.kv().alloc(size, Gfp.check(gfp));
        } finally {
            task.patienceNanos(outer);
        }
    }

    /// Makes a segment of `size` bytes of `s`, which is not to be used any longer: where it lies if
    /// there is room (`krealloc`), else elsewhere, with as much of the content as fits. With
    /// `Gfp.ZERO` the bytes that `s` did not have are zero. On failure `s` stays as it is.
    ///
    /// @throws AllocationFailedException if there is no memory
    /// @throws IllegalArgumentException if `s` is not a whole live segment of this pool
    /// @throws IllegalStateException if the pool is closed
    public MemorySegment reallocate(MemorySegment s, long size, int gfp) {
        requireSize(size);
        Gfp.check(gfp);
        requireOwn(s);
        if (parts.kv().requestedSize(s.address()) != s.byteSize()) {
            throw notWhole(s, "reallocate");
        }
        if (parts.kv().resize(s.address(), size)) {
            MemorySegment same = slice(s.address(), size);
            if ((gfp & Gfp.ZERO) != 0 && size > s.byteSize()) {
                memory.zero(s.address() + s.byteSize(), size - s.byteSize());
            }
            return same;
        }
        MemorySegment to = allocate(size, gfp);
        MemorySegment.copy(s, 0, to, 0, Math.min(s.byteSize(), size));
        free(s);
        return to;
    }

    /// Frees a segment that this pool allocated, whichever thread did. Never waits, allocates or
    /// calls a consumer.
    ///
    /// @param s the whole segment
    /// @throws IllegalArgumentException if `s` is a slice, was freed already or is another pool's
    /// @throws IllegalStateException if the pool is closed: its segments went with it
    public void free(MemorySegment s) {
        requireOwn(s);
        if (!parts.kv().free(s.address(), s.byteSize())) {
            throw notWhole(s, "free");
        }
    }

    /// Allocates without blocking the calling thread: at once if there is memory, else when there
    /// is, after background reclaim or that of a thread of the pool's own, which works under the
    /// caller's scopes and in its memory group. What may be done there is what `gfp` says; a mask
    /// that may not block waits for others to reclaim.
    ///
    /// It ends as the request would have ended for a thread that waits, and at the latest after the
    /// pool's `allocationDeadline`, NOFAIL excepted. Cancelling it gives it up.
    ///
    /// @return a future that ends with the segment, with an [AllocationFailedException], with an
    ///     IllegalStateException when the pool is closed or closes, or with what else the attempt
    ///     threw; what depends on it runs on a thread of its own
    /// @throws IllegalArgumentException if `size` is negative or `gfp` has unknown bits
    public CompletableFuture<MemorySegment> allocateAsync(long size, int gfp) {
        return async.allocate(size, Gfp.check(gfp));
    }

    /// An arena whose segments come from this pool, zeroed, and are freed together when it closes.
    ///
    /// @param kind which threads may use it
    /// @param gfp the mask of its allocations
    /// @throws IllegalStateException if the pool is closed
    public Arena arena(ArenaKind kind, int gfp) {
        requireOpen();
        return new PoolArena(this, kind, Gfp.check(gfp));
    }

    /// Runs of frames.
    public PageAllocator pages() {
        return parts.pages();
    }

    /// Contiguous memory by address, up to 4 MiB.
    public Kmalloc kmalloc() {
        return parts.kmalloc();
    }

    /// Memory whose addresses are contiguous and whose frames need not be.
    public Vmalloc vmalloc() {
        return parts.vmalloc();
    }

    /// kmalloc first, vmalloc where that fails.
    public KvAllocator kv() {
        return parts.kv();
    }

    /// Creates a cache of objects of one size.
    ///
    /// @param name for reports
    /// @param objectSize in bytes, 1..4 MiB; rounded up to a multiple of 8
    /// @throws IllegalArgumentException if the name is blank or the size out of range
    /// @throws IllegalStateException if the pool is closed
    public SlabCache createCache(String name, int objectSize) {
        requireOpen();
        return new SlabCache(parts.slabs(), name, objectSize);
    }

    /// Creates a reserve of objects, so that a request that may block never fails.
    ///
    /// @param c where the objects come from, a cache of this pool
    /// @param minimum objects that are always kept or out on loan, 0..[MemPool#MAX_MINIMUM]; with
    ///     0 nothing is kept, and who finds no element waits for one that is given back
    /// @throws AllocationFailedException if the reserve cannot be filled
    /// @throws IllegalArgumentException if `minimum` is out of range or more than the budget, or
    ///     `c` is another pool's
    /// @throws IllegalStateException if the pool is closed
    public MemPool createMemPool(SlabCache c, int minimum) {
        if (Objects.requireNonNull(c, "c").slabs() != parts.slabs()) {
            throw new IllegalArgumentException(c + " belongs to pool '" + c.pages().pool()
                    + "'; make the memory pool there, not in pool '" + config.name() + "'");
        }
        requireOpen();
        MemPool pool = MemPool.tryCreate(c, minimum);
        if (pool == null) {
            throw Shortage.exception(this, (long) minimum * c.objectSize(), Gfp.KERNEL);
        }
        return pool;
    }

    /// Registers something that can give memory back.
    ///
    /// @throws IllegalStateException if the pool is closed
    public Registration register(ShrinkerSpec spec) {
        Objects.requireNonNull(spec, "spec");
        requireOpen();
        ShrinkerHandle h = parts.shrinkers().register(spec.name(), spec.shrinker(), spec.domain(),
                spec.seeks(), spec.batch(), spec.groupAware(), spec.objectBytes());
        return new HandleRegistration(h);
    }

    /// The root memory group.
    public MemGroup group() {
        return parts.root();
    }

    /// Declares a thread, such as an event loop, as one that must not block.
    public static void declareNonBlocking(Thread t, NonBlockingPolicy p) {
        Objects.requireNonNull(t, "t");
        Objects.requireNonNull(p, "p");
        NonBlockingThreads.declare(t, p == NonBlockingPolicy.REPORT, p == NonBlockingPolicy.NARROW);
    }

    /// Figures of the pool.
    public MemInfo memInfo() {
        return Figures.memInfo(config, parts);
    }

    /// Everything about the pool as text for people: watermarks, buddy, caches, areas, shrinkers.
    public String showMem() {
        return Figures.showMem(config, parts);
    }

    /// What an error means that came from touching memory: which sampled objects it may have been,
    /// who took and who freed them, and what else faults so. The JVM does not tell the address, so
    /// these are candidates, the likeliest first; where only one is left, it is the one.
    ///
    /// @param thrown what was caught
    /// @return the explanation, or null if `thrown` is no such error
    public @Nullable String explain(Throwable thrown) {
        return Faults.explain(config, parts, Objects.requireNonNull(thrown, "thrown"));
    }

    /// What debug mode and the sampler found so far, the oldest first.
    public List<String> findings() {
        return parts.findings().kept();
    }

    /// Walks every invariant of every layer and throws on the first that fails. Meant for tests and
    /// diagnosis while nobody else uses the pool.
    ///
    /// @throws IllegalStateException that names what is wrong
    public void verify() {
        parts.pages().verify();
        parts.slabs().verify();
        parts.kmalloc().verify();
        parts.vmalloc().verify();
        ChargeAudit audit = new ChargeAudit();
        parts.pages().audit(audit);
        parts.slabs().audit(audit);
        audit.verify(group());
    }

    /// The pool's configuration.
    public PolderConfig config() {
        return config;
    }

    /// Closes the pool: refuses new requests, ends waits with an IllegalStateException, waits for
    /// running shrinkers, gives the memory back and tells what was still allocated. Segments throw
    /// from then on; a raw address gives an InternalError. A second call does nothing.
    ///
    /// A part that cannot be closed does not keep the others: what it threw is thrown in the end.
    /// Only a thread that stays inside an access to a segment, such as a blocking read of a channel
    /// into it, keeps the memory, since it must not be unmapped under it: then this waits for a
    /// second and throws, and a later call, once that thread has come out, gives the memory back.
    ///
    /// What was still allocated goes to `PolderEvents.leftAllocated`, or the log. It is there when
    /// this returns, as are the findings of debug mode, also where the program ends then; for a
    /// listener that hangs this waits 5 s.
    ///
    /// @throws IllegalStateException if called from inside a shrinker, or if a thread stays inside
    ///     an access to a segment
    @Override
    public void close() {
        if (parts.shrinkers().insideCallback()) {
            throw new IllegalStateException("pool '" + config.name()
                    + "' cannot be closed from inside"
                    + " a shrinker: close waits for it to return; close on another thread");
        }
        if (!closer.compareAndSet(false, true)) {
            return;
        }
        try {
            CloseSteps steps = new CloseSteps();
            boolean first = closed.compareAndSet(false, true);
            if (first) {
                quiesce(steps);
            }
            steps.run(this::giveMemoryBack);
            if (first) {
                steps.run(this::tellOfLeft);
            }
            steps.finish();
        } finally {
            closer.set(false);
        }
    }

    private void quiesce(CloseSteps steps) {
        steps.run(parts.pages()::close);
        steps.run(parts.root()::poolCloses);
        steps.run(async::close);
        steps.run(parts.kswapd()::close);
        steps.run(parts.shrinkers()::closeAll);
        steps.run(parts.slabs()::close);
        steps.run(() -> left = Leftovers.describe(parts));
        steps.run(parts.pages()::end);
    }

    /// Each does nothing where it was done before.
    private void giveMemoryBack() {
        memory.close();
        parts.vmalloc().close();
        parts.slabs().releaseMappings();
    }

    private void tellOfLeft() {
        if (left != null) {
            PolderEvents.reporter().leftAllocated(config.name(), left);
        } else {
            parts.findings().awaitTold();
        }
    }

    boolean isClosed() {
        return closed.get();
    }

    Wiring parts() {
        return parts;
    }

    /// The segment of what was allocated at `address`.
    MemorySegment slice(long address, long size) {
        return all.asSlice(address - all.address(), size);
    }

    private IllegalArgumentException notWhole(MemorySegment s, String what) {
        return new IllegalArgumentException("segment of " + s.byteSize() + " bytes at 0x"
                + Long.toHexString(s.address()) + " was allocated with "
                + parts.kv().requestedSize(s.address())
                + "; " + what + " the whole segment that allocate returned, not a slice of it");
    }

    private void requireOwn(MemorySegment s) {
        Objects.requireNonNull(s, "s");
        if (closed.get()) {
            throw new IllegalStateException("pool '" + config.name()
                    + "' is closed; its segments went with it and need no free");
        }
        long offset = s.address() - all.address();
        if (!s.isNative() || offset < 0 || offset >= all.byteSize()) {
            throw new IllegalArgumentException(s + " is no segment of pool '" + config.name()
                    + "'; give it to the pool that allocated it");
        }
        if (!s.scope().equals(all.scope()) && !s.scope().equals(Arena.global().scope())) {
            throw Check.badAddress(s.address(), "belongs to an arena over pool '" + config.name()
                    + "'; it is freed when that arena closes");
        }
    }

    /// Of a request for 0 bytes nobody below would notice that the pool is closed.
    private void requireSize(long size) {
        if (size < 0) {
            throw new IllegalArgumentException("size must be at least 0, not " + size);
        }
        if (size == 0) {
            requireOpen();
        }
    }

    private void requireOpen() {
        if (closed.get()) {
            throw new IllegalStateException("pool '" + config.name()
                    + "' is closed; nothing can be had of it any more");
        }
    }

    private record HandleRegistration(ShrinkerHandle handle) implements Registration {
        @Override
        public String name() {
            return handle.name();
        }

        @Override
        public long deferred() {
            return handle.deferred();
        }

        @Override
        public void close() {
            handle.close();
        }
    }
}
