package dev.polder.slab;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.page.PageAllocator;
import org.jspecify.annotations.Nullable;

/// Objects of any size up to 4 MiB, in one piece. The kernel's `kmalloc` and `kfree`.
///
/// Sizes up to 8 KiB come from caches of 13 size classes, larger ones are runs of pages. An object
/// whose size is a power of two lies on a multiple of it (row G4). Any thread may free
/// what another allocated. Memory is not zeroed unless `__GFP_ZERO` asks for it.
///
/// Notes
///
/// The state that a slab keeps of an object is here the size that was asked for (1..8192), so that
/// the recorded size costs nothing and a free object is told by 0.
public final class Kmalloc {
    /// Largest request, 4 MiB: a run of the largest order. Larger ones are a shortage.
    public static final long MAX_SIZE = Frames.SIZE << Frames.MAX_ORDER;

    private final Slabs slabs;
    private final long zeroSentinel;
    private final SlabCache[] caches = new SlabCache[SizeClasses.COUNT];
    // The cache of a request by its size in units of 8 bytes: one look-up instead of two
    private final SlabCache[] cacheOfUnits = new SlabCache[SizeClasses.LARGEST / 8 + 1];
    private final LargeObjects large;

    /// A `kmalloc` with caches of its own over `pages`; a pool makes it over one [Slabs] instead.
    public Kmalloc(PageAllocator pages) {
        this(new Slabs(pages));
    }

    /// The `kmalloc` of the pool that `slabs` belongs to.
    public Kmalloc(Slabs slabs) {
        this.slabs = slabs;
        this.zeroSentinel = slabs.pages().memory().zeroSentinel();
        this.large = slabs.large();
        for (int i = 0; i < caches.length; i++) {
            int size = SizeClasses.size(i);
            caches[i] = new SlabCache(slabs, "kmalloc-" + nameOf(size), size, large);
        }
        for (int units = 0; units < cacheOfUnits.length; units++) {
            cacheOfUnits[units] = caches[SizeClasses.indexOf(units * 8L)];
        }
    }

    /// Takes `size` bytes.
    ///
    /// @param size bytes; 0 gives an address that may be freed but not touched, above [#MAX_SIZE]
    ///        nothing
    /// @param gfp a set of [Gfp] bits
    /// @return the address, or 0 for shortage
    /// @throws IllegalArgumentException if `size` is negative or `gfp` has unknown bits
    /// @throws IllegalStateException if the pool is closed
    public long alloc(long size, int gfp) {
        if (size > 0 && size <= SizeClasses.LARGEST) {
            return cacheOfUnits[((int) size + 7) >> 3].alloc(gfp, (short) size);
        }
        long kept = size > 0 && size <= MAX_SIZE ? large.takeKept(size, gfp) : 0;
        return kept != 0 ? kept : allocLarge(size, 1, gfp);
    }

    /// Takes `size` bytes that lie ready near the current thread; 0 if none do, or if the request
    /// is none for that, or is wrong: [#alloc] has to be asked then. Never waits and never calls
    /// anybody, so that it needs no deadline.
    public long takeKept(long size, int gfp) {
        if (size > 0 && size <= SizeClasses.LARGEST) {
            return cacheOfUnits[((int) size + 7) >> 3].takeKept(gfp, (short) size);
        }
        return size > 0 && size <= MAX_SIZE ? large.takeKept(size, gfp) : 0;
    }

    /// Takes `size` bytes on a multiple of `alignment`.
    ///
    /// @param alignment a power of two up to 4 MiB
    /// @throws IllegalArgumentException also if `alignment` is not such
    public long alloc(long size, long alignment, int gfp) {
        if (Long.bitCount(alignment) != 1 || alignment < 1 || alignment > MAX_SIZE) {
            throw new IllegalArgumentException("alignment must be a power of two from 1 to "
                    + MAX_SIZE + ", not " + alignment);
        }
        int index = size > 0 ? SizeClasses.indexOf(size, alignment) : -1;
        if (index >= 0) {
            return caches[index].alloc(gfp, (short) size);
        }
        return allocLarge(size, alignment, gfp);
    }

    /// Gives an object back. Never allocates, waits or calls a consumer.
    ///
    /// @param address what [#alloc] returned; 0 does nothing
    /// @throws IllegalArgumentException if `address` is not an object of `kmalloc` in use; the
    ///         message says what it is
    public void free(long address) {
        if (!tryFree(address)) {
            freeOther(address);
        }
    }

    /// Gives an object back if one in use begins at `address`; false, and nothing changed, if not,
    /// or if a group pays for it, or it is sampled. For `kvfree`, which asks here first.
    public boolean tryFree(long address) {
        Slab slab = slabs.slabAt(address);
        if (slab == null) {
            return large.free(address);
        }
        long index = slab.quotient(address);
        if (slab.has(index) && isSize(slab.state((int) index))) {
            SlabCache.free(slab, (int) index, address);
            return true;
        }
        return false;
    }

    /// As [#tryFree(long)], but false also if another size than `size` was asked for.
    public boolean tryFree(long address, long size) {
        Slab slab = slabs.slabAt(address);
        if (slab == null) {
            return large.requested(address) == size && large.free(address);
        }
        long index = slab.quotient(address);
        if (slab.has(index) && isSize(slab.state((int) index))
                && slab.state((int) index) == size) {
            SlabCache.free(slab, (int) index, address);
            return true;
        }
        return false;
    }

    /// Gives an object back if `size` bytes were asked for; false, and nothing changed, if it was
    /// another size. For who knows the size and has it checked on the way.
    ///
    /// @throws IllegalArgumentException as [#free(long)]
    public boolean free(long address, long size) {
        if (tryFree(address, size)) {
            return true;
        }
        if (requestedSize(address) != size) {
            return false;
        }
        free(address);
        return true;
    }

    /// Bytes that may be used of the object at `address`, at least those asked for. The kernel's
    /// `ksize`.
    ///
    /// @throws IllegalArgumentException if `address` is not an object of `kmalloc` in use
    public long usableSize(long address) {
        if (address == zeroSentinel) {
            return 0;
        }
        if (slabs.debug() != null || sampledAt(address) != null) {
            // The rest is red.
            return requestedSize(address);
        }
        Slab slab = liveSlab(address);
        return slab != null ? slab.cache.objectSize() : large.room(liveRun(address));
    }

    /// Bytes that were asked for.
    ///
    /// @throws IllegalArgumentException if `address` is not an object of `kmalloc` in use
    public long requestedSize(long address) {
        if (address == zeroSentinel) {
            return 0;
        }
        Slab slab = liveSlab(address);
        if (slab != null) {
            return slab.use(slab.indexOf(address));
        }
        SampledSlot sampled = sampledAt(address);
        return sampled != null ? sampled.size : large.requested(liveRun(address));
    }

    /// Records `size` as the requested one if the object has room for it where it lies; false, and
    /// nothing changed, if it has not, or if a smaller class would do. For `krealloc`.
    ///
    /// @throws IllegalArgumentException if `address` is not an object of `kmalloc` in use, or
    ///         `size` is negative
    public boolean resize(long address, long size) {
        if (size < 0) {
            throw negative(size);
        }
        if (address == zeroSentinel) {
            return size == 0;
        }
        if (slabs.debug() != null || sampledAt(address) != null) {
            // Every change of size moves the object, so that the old place is watched.
            return size == requestedSize(address);
        }
        Slab slab = liveSlab(address);
        if (slab != null) {
            boolean fits = size > 0 && size <= SizeClasses.LARGEST
                    && caches[SizeClasses.indexOf(size)] == slab.cache;
            if (fits) {
                slab.use(slab.indexOf(address), (short) size);
            }
            return fits;
        }
        boolean fits = size > SizeClasses.LARGEST
                && Frames.SIZE << Frames.orderFor(size) == large.room(liveRun(address));
        if (fits) {
            large.requested(address, (int) size);
        }
        return fits;
    }

    /// True if `address` is what [#alloc] returned for an object that is in use, or for 0 bytes.
    public boolean owns(long address) {
        if (address == zeroSentinel) {
            return true;
        }
        Slab slab = slabs.slabAt(address);
        if (slab != null) {
            int index = slab.indexOf(address);
            return index >= 0 && isSize(slab.use(index));
        }
        return large.requested(address) != 0 || sampledAt(address) != null;
    }

    /// Shows every object in use that was taken as pages.
    public void forEachLarge(LargeVisitor visitor) {
        large.forEach(visitor);
    }

    /// Sees large objects.
    @FunctionalInterface
    public interface LargeVisitor {
        /// One object.
        ///
        /// @param address its first byte
        /// @param requested the size asked for
        void object(long address, long requested);
    }

    /// What all object caches of the pool share.
    public Slabs slabs() {
        return slabs;
    }

    /// Walks every invariant of the caches and of the large objects and throws on the first that
    /// fails. Only while nobody takes or gives.
    public void verify() {
        for (SlabCache cache : caches) {
            cache.verify();
        }
        large.verify();
    }

    private long allocLarge(long size, long alignment, int gfp) {
        Gfp.check(gfp);
        if (size < 0) {
            throw negative(size);
        }
        if (size == 0) {
            return zeroSentinel;
        }
        // Above MAX_SIZE the order is one that the page allocator refuses at once (D1).
        SlabDebug debug = slabs.debug();
        long needed = debug == null ? size : SlabDebug.withRed(size);
        return large.alloc(size, Frames.orderFor(Math.max(needed, alignment)), gfp);
    }

    private void freeOther(long address) {
        if (address == 0 || address == zeroSentinel
                || (sampledAt(address) != null && slabs.freeSampled(address))) {
            return;
        }
        Object owner = slabs.ownerAt(address);
        if (owner instanceof Slab slab) {
            int index = slab.indexOf(address);
            if (index >= 0 && slab.isCharged(index) && isSize(slab.use(index))) {
                slab.cache.uncharge(slab, index);
                SlabCache.free(slab, index, address);
                return;
            }
        }
        throw slabs.wrongFree(address, "kmalloc");
    }

    /// The slab of a live object; null if the address is not in a slab at all.
    private @Nullable Slab liveSlab(long address) {
        Slab slab = slabs.slabAt(address);
        if (slab == null) {
            return null;
        }
        int index = slab.indexOf(address);
        if (index < 0 || !isSize(slab.use(index))) {
            throw slabs.notInUse(address, "kmalloc");
        }
        return slab;
    }

    private long liveRun(long address) {
        slabs.requireOpen();
        if (large.requested(address) == 0) {
            throw slabs.notInUse(address, "kmalloc");
        }
        return address;
    }

    /// Whether the state of an object is one that [#alloc] recorded, and nobody pays for it: not
    /// that of a free object, nor of one that a cache of its own handed out.
    private static boolean isSize(int state) {
        return Integer.compareUnsigned(state - 1, SizeClasses.LARGEST) < 0;
    }

    /// The slot of a sampled object of `kmalloc` in use, or null.
    private @Nullable SampledSlot sampledAt(long address) {
        SampledSlot slot = slabs.sampledAt(address);
        SlabCache cache = slot == null ? null : slot.cache;
        return cache != null && cache.kmalloc() == large ? slot : null;
    }

    private static IllegalArgumentException negative(long size) {
        return new IllegalArgumentException("size must not be negative: " + size);
    }

    private static String nameOf(int size) {
        return size >= 1024 ? size / 1024 + "k" : Integer.toString(size);
    }
}
