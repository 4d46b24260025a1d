package dev.polder.shrink;

import dev.polder.base.Frames;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrinker.Shrinker;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// One registered shrinker: what it said of itself, the work deferred in it, and its record. The
/// kernel's `struct shrinker`, as far as the memory manager owns it.
///
/// Made by [ShrinkerRegistry#register]; lives until [#close]. Statistics may be read from any
/// thread at any time, also after it was closed.
public final class ShrinkerHandle {

    // Notes. `references` counts the walkers that are between tryGet and put, and carries CLOSED as
    // its sign bit: a walker enters by a compare-and-set that fails once the bit is there, so after
    // the bit was set the count only falls, and the walker that brings it to zero wakes the closer
    // (row F12). No lock is held by a walker, and none by the closer while it waits.
    //
    // Throws in a row are counted for count and scan apart, or every good count would forgive the
    // scan after it. After QUARANTINE_AFTER of either the shrinker is left alone for
    // QUARANTINE_NANOS, then tried once more.

    /// So many throws in a row set a shrinker aside: one disk error must not cost a cache its
    /// shrinker, and a broken callback must not be called a million times.
    static final int QUARANTINE_AFTER = 8;

    /// How long a shrinker that kept throwing is left alone before it is tried again.
    static final long QUARANTINE_NANOS = 60_000_000_000L;

    private static final int CLOSED = Integer.MIN_VALUE;

    private final ShrinkerRegistry registry;
    private final String name;
    private final Shrinker shrinker;
    private final @Nullable ReclaimDomain domain;
    private final int seeks;
    private final int batch;
    private final boolean groupAware;
    private final long objectBytes;

    private final AtomicInteger references = new AtomicInteger();
    private final Deferred deferred = new Deferred();
    private volatile long deferredSinceNanos;
    private volatile boolean deferredAged;

    private final LongAdder countCalls = new LongAdder();
    private final LongAdder scanCalls = new LongAdder();
    private final LongAdder scannedObjects = new LongAdder();
    private final LongAdder stops = new LongAdder();
    private final LongAdder skippedByMask = new LongAdder();
    private final LongAdder skippedByDomain = new LongAdder();
    private final LongAdder skippedObjects = new LongAdder();
    private final LongAdder thrown = new LongAdder();
    private final LongAdder lies = new LongAdder();
    private final LongAdder freedFrames = new LongAdder();
    /// Objects that scans said they freed, as far as they can be believed, and the frames that came
    /// back meanwhile: what one holds follows from that where nobody says it.
    private final LongAdder freedObjects = new LongAdder();
    private final LongAdder framesOfObjects = new LongAdder();
    private volatile long lastCount;
    private volatile boolean lastScanMaskStop;
    private volatile @Nullable Object lastSkipSite;

    private final AtomicInteger countThrowsInRow = new AtomicInteger();
    private final AtomicInteger scanThrowsInRow = new AtomicInteger();
    private volatile long quarantinedUntil;
    private volatile @Nullable ShrinkWalk stuckIn;

    ShrinkerHandle(ShrinkerRegistry registry, String name, Shrinker shrinker,
            @Nullable ReclaimDomain domain, int seeks, int batch, boolean groupAware,
            long objectBytes) {
        this.registry = registry;
        this.name = name;
        this.shrinker = shrinker;
        this.domain = domain;
        this.seeks = seeks;
        this.batch = batch;
        this.groupAware = groupAware;
        this.objectBytes = objectBytes;
    }

    /// The name given at registration.
    public String name() {
        return name;
    }

    /// The domain it belongs to; null if none.
    public @Nullable ReclaimDomain domain() {
        return domain;
    }

    /// How dear its objects are to make again (row F3).
    public int seeks() {
        return seeks;
    }

    /// Objects in one scan call (row F5).
    public int batch() {
        return batch;
    }

    /// Whether it can tell the objects of one memory group from the others.
    public boolean groupAware() {
        return groupAware;
    }

    /// About how many bytes one object holds; 0 if the consumer did not say.
    public long objectBytes() {
        return objectBytes;
    }

    /// Ends the registration and waits until no walker is in its callbacks (row F12): afterwards
    /// they are not running and will not be called again. A second close only waits.
    ///
    /// Hold no lock that the callbacks may wait for. The interrupt flag neither ends the wait nor
    /// is it lost.
    ///
    /// @throws IllegalStateException when called from inside this shrinker's own callback, which
    ///         would wait for itself; nothing has changed then
    public void close() {
        registry.close(this);
    }

    /// Whether [#close] was called.
    public boolean closed() {
        return references.get() < 0;
    }

    /// Objects that reclaimers left for later.
    public long deferred() {
        return deferred.total();
    }

    /// How long there has been deferred work without a break, in nanoseconds; 0 if there is none.
    public long deferredAgeNanos() {
        return deferredAged ? Math.max(0, registry.clock().nanos() - deferredSinceNanos) : 0;
    }

    /// Calls of `count`.
    public long calls() {
        return countCalls.sum();
    }

    /// Calls of `scan`.
    public long scans() {
        return scanCalls.sum();
    }

    /// Objects scanned.
    public long scannedObjects() {
        return scannedObjects.sum();
    }

    /// Scans that answered STOP.
    public long stops() {
        return stops.sum();
    }

    /// Of [#stops], those to a mask without FS or IO: the shrinker obeyed its mask (F9, R4).
    public long skippedByMask() {
        return skippedByMask.sum();
    }

    /// Passes in which `scan` was due but the reclaimer's scope excludes the domain.
    public long skippedByDomain() {
        return skippedByDomain.sum();
    }

    /// Objects that the passes counted by [#skippedByDomain] would have scanned.
    public long skippedObjects() {
        return skippedObjects.sum();
    }

    /// The site of the scope that last kept a reclaimer out of the domain; null if none did.
    public @Nullable Object lastSkipSite() {
        return lastSkipSite;
    }

    /// Whether the last answer to a mask without FS or IO was STOP.
    public boolean lastScanMaskStop() {
        return lastScanMaskStop;
    }

    /// Throwables that came out of the callbacks.
    public long thrown() {
        return thrown.sum();
    }

    /// Answers that cannot be true.
    public long lies() {
        return lies.sum();
    }

    /// Frames that came back to the pool while this shrinker's `scan` ran, counted by the zone.
    public long freedFrames() {
        return freedFrames.sum();
    }

    /// What `count` last said; 0 before the first call. Where groups are protected it is asked for
    /// each by itself, and what nobody may take is not in the sum.
    public long lastCount() {
        return lastCount;
    }

    /// About how many bytes the consumer held at the last count; by [#estimatedObjectBytes] if it
    /// did not say what an object holds.
    public long heldBytes() {
        long count = lastCount;
        long each = estimated() ? estimatedObjectBytes() : objectBytes;
        long bytes = count * each;
        return Math.multiplyHigh(count, each) == 0 && bytes >= 0 ? bytes : Long.MAX_VALUE;
    }

    /// Whether [#heldBytes] is by an estimate.
    public boolean estimated() {
        return objectBytes == 0;
    }

    /// What an object holds, after what scans freed; a frame as long as none freed any.
    public long estimatedObjectBytes() {
        long objects = freedObjects.sum();
        long frames = framesOfObjects.sum();
        return objects == 0 || frames == 0 ? Frames.SIZE
                : Math.max(1, Frames.bytes(frames) / objects);
    }

    /// Whether it is set aside because it kept throwing.
    public boolean quarantined() {
        return countThrowsInRow.get() >= QUARANTINE_AFTER
                || scanThrowsInRow.get() >= QUARANTINE_AFTER;
    }

    /// Whether background reclaim is stuck inside it now.
    public boolean stuck() {
        return stuckIn != null;
    }

    @Override
    public String toString() {
        return "shrinker '" + name + "'";
    }

    Shrinker shrinker() {
        return shrinker;
    }

    // The walker's reference.

    boolean tryGet() {
        int held = references.get();
        while (held >= 0) {
            int seen = references.compareAndExchange(held, held + 1);
            if (seen == held) {
                return true;
            }
            held = seen;
        }
        return false;
    }

    void put() {
        int left = references.decrementAndGet();
        assert (left & ~CLOSED) != ~CLOSED : "more puts than gets";
        if (left == CLOSED) {
            registry.walkerLeft();
        }
    }

    void markClosed() {
        references.accumulateAndGet(CLOSED, (held, bit) -> held | bit);
    }

    boolean hasWalkers() {
        return (references.get() & ~CLOSED) != 0;
    }

    // Deferral.

    long takeDeferred(long groupId) {
        return deferred.take(groupId);
    }

    void putDeferred(long groupId, long objects) {
        deferred.add(groupId, objects);
        if (objects == 0) {
            if (deferredAged && deferred.total() == 0) {
                deferredAged = false;
            }
        } else if (!deferredAged) {
            deferredSinceNanos = registry.clock().nanos();
            deferredAged = true;
        }
    }

    void reparentDeferred(long groupId, long parentId) {
        deferred.reparent(groupId, parentId);
    }

    // The record, written by DoShrink.

    void counted() {
        countCalls.increment();
        forgive(countThrowsInRow);
    }

    /// What the whole consumer counted.
    void total(long objects) {
        lastCount = objects;
    }

    /// Counts a throw out of `count`; returns how many there are now in a row.
    int countThrew(long nowNanos) {
        countCalls.increment();
        return threw(countThrowsInRow, nowNanos);
    }

    /// @param freed how many of them it said it freed
    void scanned(long objects, long freed, long frames) {
        scanCalls.increment();
        scannedObjects.add(objects);
        freedFrames.add(frames);
        if (freed > 0) {
            freedObjects.add(Math.min(freed, objects));
            framesOfObjects.add(frames);
        }
        lastScanMaskStop = false;
        forgive(scanThrowsInRow);
    }

    void stopped(long frames, boolean byMask) {
        scanCalls.increment();
        freedFrames.add(frames);
        stops.increment();
        forgive(scanThrowsInRow);
        if (byMask) {
            skippedByMask.increment();
            lastScanMaskStop = true;
        }
    }

    void excluded(long objects, @Nullable Object site) {
        skippedByDomain.increment();
        skippedObjects.add(objects);
        lastSkipSite = site;
    }

    void lied() {
        lies.increment();
    }

    /// Counts a throw out of `scan`; returns how many there are now in a row.
    int scanThrew(long frames, long nowNanos) {
        scanCalls.increment();
        freedFrames.add(frames);
        return threw(scanThrowsInRow, nowNanos);
    }

    private int threw(AtomicInteger row, long nowNanos) {
        thrown.increment();
        int inRow = row.incrementAndGet();
        if (inRow >= QUARANTINE_AFTER) {
            quarantinedUntil = nowNanos + QUARANTINE_NANOS;
        }
        return inRow;
    }

    private static void forgive(AtomicInteger row) {
        if (row.get() != 0) {
            row.set(0);
        }
    }

    boolean inQuarantine(long nowNanos) {
        return quarantined() && nowNanos - quarantinedUntil < 0;
    }

    // The stuck background reclaimer.

    void stuck(ShrinkWalk walk) {
        stuckIn = walk;
    }

    void unstuck(ShrinkWalk walk) {
        if (stuckIn == walk) {
            stuckIn = null;
        }
    }
}
