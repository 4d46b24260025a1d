package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.DebugMode;
import dev.polder.debug.Findings;
import dev.polder.debug.ObjectTrack;
import dev.polder.debug.Poison;
import dev.polder.debug.Quarantine;
import dev.polder.page.PageAllocator;
import dev.polder.shrink.InternalReclaimer;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Debug mode of the object caches and of `kmalloc`'s large objects: red zones, poison, quarantine
/// and stacks. The kernel's `slub_debug`, with KASAN's quarantine.
///
/// Notes
///
/// A pool in debug mode has no sheaves, so that every request and every free comes by here.
///
/// ```
/// slab:   red | object | red | object | red | … | unused rest
/// object: bytes asked for | red up to the object size           while in use
///         poison                                                while free
/// large:  bytes asked for | red up to the end of the run
/// ```
/// The red zone between two objects serves as the end of the one and the beginning of the other. It
/// is as wide as the objects' alignment, or they would lose it. The largest runs have no room for
/// one.
///
/// What is found while the culprit's own object is freed is thrown; what is found later, on an
/// innocent thread, becomes a finding of the pool, and the pattern is mended so that it is told
/// once.
final class SlabDebug {
    /// The narrowest red zone: one that a stray `long` or two cannot jump over.
    private static final int MIN_GAP = 16;
    /// Objects in quarantine at most: 16 bytes of table each.
    private static final int QUARANTINE_ENTRIES = 1 << 14;

    private final PageAllocator pages;
    private final MemorySegment memory;
    private final long base;
    private final Findings findings;
    private final Quarantine quarantine;
    /// By the first frame of the run.
    private final ConcurrentMap<Long, ObjectTrack> large = new ConcurrentHashMap<>();
    /// Owner of a large object's run while it is in quarantine.
    private final Object freedRun = new Object() {
        @Override
        public String toString() {
            return "kmalloc's quarantine";
        }
    };

    SlabDebug(Slabs slabs, DebugMode mode, Findings findings) {
        this.pages = slabs.pages();
        this.memory = pages.memory().segment();
        this.base = pages.memory().base();
        this.findings = findings;
        this.quarantine = new Quarantine(mode.quarantineBytes(), QUARANTINE_ENTRIES);
        pages.shrinkers().addInternal(new QuarantineReclaimer(this));
    }

    /// Width of the red zones of a cache; 0 where the object would not fit a run with them.
    static int gap(int objectSize) {
        int gap = Math.max(MIN_GAP, Integer.lowestOneBit(objectSize));
        return gap + (long) objectSize + gap > SlabCache.MAX_OBJECT_SIZE ? 0 : gap;
    }

    // ---- objects of slabs -----------------------------------------------------------------------

    /// Writes red zones and poison over a new slab.
    void made(Slab slab) {
        long start = slab.addressOf(0) - slab.cache.gap();
        fill(start, Frames.SIZE << slab.order, Poison.RED);
        for (int i = 0; i < slab.capacity(); i++) {
            fill(slab.addressOf(i), slab.cache.objectSize(), Poison.FREE);
        }
    }

    /// A free object is about to be handed out for `requested` bytes.
    void taken(Slab slab, long address, int requested, boolean zeroed) {
        ObjectTrack track = track(slab, slab.indexOf(address));
        int size = slab.cache.objectSize();
        String damage = checkPoison(address, size, slab.cache.toString(), track);
        if (damage != null) {
            findings.add(damage);
        }
        track.allocated(requested);
        fill(address, requested, zeroed ? 0 : Poison.IN_USE);
        fill(address + requested, size - requested, Poison.RED);
    }

    /// An object was freed; it goes to quarantine or to its slab.
    ///
    /// @throws dev.polder.debug.MemoryCorruptedException if its red zones are damaged; it is free
    ///     all the same
    void freed(Slab slab, long address, boolean mayKeep) {
        ObjectTrack track = track(slab, slab.indexOf(address));
        track.freed();
        String damage = checkRed(slab, address, track);
        int size = slab.cache.objectSize();
        fill(address, size, Poison.FREE);
        if (!mayKeep || !quarantine.put(address, size)) {
            slab.cache.putBack(slab, address);
        }
        trim();
        if (damage != null) {
            throw findings.thrown(damage);
        }
    }

    /// A slab without an object in use is about to go back to its pages.
    void leaving(Slab slab) {
        for (int i = 0; i < slab.capacity(); i++) {
            String damage = checkPoison(slab.addressOf(i), slab.cache.objectSize(),
                    slab.cache.toString(), track(slab, i));
            if (damage != null) {
                findings.add(damage);
            }
        }
    }

    private static ObjectTrack track(Slab slab, int index) {
        ObjectTrack[] tracks = Objects.requireNonNull(slab.tracks, "tracks");
        ObjectTrack track = tracks[index];
        if (track == null) {
            track = new ObjectTrack();
            tracks[index] = track;
        }
        return track;
    }

    private @Nullable String checkRed(Slab slab, long address, ObjectTrack track) {
        long end = address + track.requested();
        long redEnd = address + slab.cache.objectSize() + slab.cache.gap();
        String what = slab.cache.toString();
        String behind = checkRed(end, redEnd - end, address, what, track);
        String before = checkRed(address - slab.cache.gap(), slab.cache.gap(), address, what,
                track);
        return behind != null ? behind : before;
    }

    private @Nullable String checkRed(long from, long bytes, long object, String what,
            ObjectTrack track) {
        long broken = Poison.firstBroken(memory, from - base, bytes, Poison.RED);
        if (broken < 0) {
            return null;
        }
        long at = base + broken;
        String where = at < object ? object - at + " bytes before the beginning of"
                : at - object - track.requested() + " bytes behind the end of";
        String text = "out of bounds: " + where + " the " + track.requested() + " bytes at "
                + Check.hex(object) + " of " + what + ": the red zone holds "
                + Poison.dump(memory, broken, from - base + bytes) + track.describe();
        fill(from, bytes, Poison.RED);
        return text;
    }

    private @Nullable String checkPoison(long address, long bytes, String what,
            @Nullable ObjectTrack track) {
        long broken = Poison.firstBroken(memory, address - base, bytes, Poison.FREE);
        if (broken < 0) {
            return null;
        }
        String text = "use after free: written at " + Check.hex(base + broken) + ", byte "
                + (base + broken - address) + " of a free object at " + Check.hex(address) + " of "
                + what + ": it holds " + Poison.dump(memory, broken, address - base + bytes)
                + (track == null ? "" : track.describe());
        fill(address, bytes, Poison.FREE);
        return text;
    }

    // ---- large objects --------------------------------------------------------------------------

    /// Bytes to ask for so that a large object has a red zone behind it.
    static long withRed(long size) {
        return size + MIN_GAP <= Kmalloc.MAX_SIZE ? size + MIN_GAP : size;
    }

    /// A run was taken for a large object.
    void takenLarge(long run, long size, boolean zeroed) {
        ObjectTrack track = new ObjectTrack();
        track.allocated(size);
        large.put(run, track);
        long address = pages.address(run);
        if (!zeroed) {
            fill(address, size, Poison.IN_USE);
        }
        fill(address + size, (Frames.SIZE << pages.frames().order(run)) - size, Poison.RED);
    }

    /// A large object was freed; nobody owns its run any more.
    ///
    /// @throws dev.polder.debug.MemoryCorruptedException as [#freed]
    void freedLarge(long run) {
        ObjectTrack track = Objects.requireNonNull(large.get(run), "track");
        track.freed();
        long address = pages.address(run);
        long bytes = Frames.SIZE << pages.frames().order(run);
        String damage = checkRed(address + track.requested(), bytes - track.requested(), address,
                "kmalloc", track);
        fill(address, bytes, Poison.FREE);
        pages.frames().owner(run, 1, freedRun);
        if (!quarantine.put(address, bytes)) {
            releaseRun(run);
        }
        trim();
        if (damage != null) {
            throw findings.thrown(damage);
        }
    }

    private void releaseRun(long run) {
        String damage = checkPoison(pages.address(run), Frames.SIZE << pages.frames().order(run),
                "kmalloc", large.remove(run));
        pages.frames().owner(run, 1, null);
        pages.free(run);
        if (damage != null) {
            findings.add(damage);
        }
    }

    // ---- quarantine -----------------------------------------------------------------------------

    private void trim() {
        for (long a = quarantine.takeExcess(); a != 0; a = quarantine.takeExcess()) {
            release(a);
        }
    }

    private void release(long address) {
        if (pages.frames().owner(pages.pfnOf(address)) instanceof Slab slab) {
            slab.cache.putBack(slab, address);
        } else {
            releaseRun(pages.pfnOf(address));
        }
    }

    /// Ends the quarantine of all objects; the bytes that were in it.
    long releaseAll() {
        long bytes = quarantine.bytes();
        for (long a = quarantine.takeOldest(); a != 0; a = quarantine.takeOldest()) {
            release(a);
        }
        return bytes;
    }

    /// Ends the quarantine of a cache's objects.
    void releaseAll(SlabCache cache) {
        for (long address : quarantine.takeAll(a -> isOf(cache, a))) {
            release(address);
        }
    }

    private boolean isOf(SlabCache cache, long address) {
        // Also while the pool closes.
        return pages.frames().owner(pages.pfnOf(address)) instanceof Slab slab
                && slab.cache == cache;
    }

    /// Adds a cache's objects in quarantine to `to`.
    void addQuarantined(SlabCache cache, Set<Long> to) {
        for (long address : quarantine.all()) {
            if (isOf(cache, address)) {
                to.add(address);
            }
        }
    }

    /// How many objects of a cache are in quarantine, about.
    long quarantined(SlabCache cache) {
        long n = 0;
        for (long address : quarantine.all()) {
            n += isOf(cache, address) ? 1 : 0;
        }
        return n;
    }

    // ---- reports --------------------------------------------------------------------------------

    /// What is known of the object around `address`, as lines after a line break; empty if nothing.
    String describe(@Nullable Slab slab, long address) {
        ObjectTrack track = null;
        if (slab != null) {
            int index = slab.indexAround(address);
            ObjectTrack[] tracks = slab.tracks;
            track = index < 0 || tracks == null ? null : tracks[index];
        } else {
            long pfn = pages.pfnOf(address);
            track = pfn < 0 ? null : large.get(pfn);
        }
        return track == null ? "" : track.describe();
    }

    /// True if the frame's owner says that a freed large object lies there.
    boolean isFreedRun(@Nullable Object owner) {
        return owner == freedRun;
    }

    /// Shows what is known of each object in use. Only while nobody takes or gives.
    void forEachLive(Collection<SlabCache> caches, Consumer<ObjectTrack> visitor) {
        for (SlabCache cache : caches) {
            cache.forEachSlab(slab -> {
                for (int i = 0; i < slab.capacity(); i++) {
                    if (slab.state(i) != Slab.FREE) {
                        visitor.accept(track(slab, i));
                    }
                }
            });
        }
        large.values().stream().filter(track -> !track.isFreed()).forEach(visitor);
    }

    /// Checks every red zone and every free object's poison, and throws on the first that is
    /// damaged. Only while nobody takes or gives.
    void verify(Collection<SlabCache> caches) {
        for (SlabCache cache : caches) {
            cache.forEachSlab(this::verify);
        }
        large.forEach((run, track) -> {
            long address = pages.address(run);
            long bytes = Frames.SIZE << pages.frames().order(run);
            require(track.isFreed() ? checkPoison(address, bytes, "kmalloc", track)
                    : checkRed(address + track.requested(), bytes - track.requested(), address,
                            "kmalloc", track));
        });
    }

    private void verify(Slab slab) {
        for (int i = 0; i < slab.capacity(); i++) {
            ObjectTrack track = track(slab, i);
            long address = slab.addressOf(i);
            if (slab.state(i) != Slab.FREE) {
                require(checkRed(slab, address, track));
            } else {
                require(checkPoison(address, slab.cache.objectSize(), slab.cache.toString(),
                        track));
            }
        }
    }

    private void require(@Nullable String damage) {
        if (damage != null) {
            throw findings.thrown(damage);
        }
    }

    private void fill(long address, long bytes, byte pattern) {
        Poison.fill(memory, address - base, bytes, pattern);
    }

    /// Empties the quarantine before any consumer is asked: nobody uses what is in it.
    private record QuarantineReclaimer(SlabDebug debug) implements InternalReclaimer {
        @Override
        public Phase phase() {
            return Phase.BEFORE_CONSUMERS;
        }

        @Override
        public String name() {
            return "quarantine";
        }

        @Override
        public long reclaimableFrames() {
            return debug.quarantine.bytes() >> Frames.SHIFT;
        }

        @Override
        public long reclaim(long wantFrames) {
            // What comes free is counted where it comes free: this thread is in reclaim.
            debug.releaseAll();
            return 0;
        }
    }
}
