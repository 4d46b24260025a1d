package dev.polder;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.mempool.MemPool;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.slab.SlabCache;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/// Random work on one pool by any number of threads: blocks of every kind, allocated with all sorts
/// of masks, in slots that the threads share, so that most are freed by another thread. It is a
/// consumer of the pool as well: reclaim may empty its slots.
///
/// Every block is stamped in each of its frames with a number of its own, which must be there when
/// the block is freed. Two blocks that share memory are found by that, whoever is at fault.
final class Workload implements Shrinker, AutoCloseable {
    private enum Kind { PAGES, KMALLOC, KMALLOC_ALIGNED, VMALLOC, KVMALLOC, CACHE, MEMPOOL }

    /// One block.
    private record Block(Kind kind, long handle, long address, long size, long stamp) {}

    private static final Kind[] KINDS = Kind.values();
    private static final int[] MASKS = {Gfp.KERNEL, Gfp.KERNEL, Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO,
        Gfp.NOWAIT, Gfp.ATOMIC, Gfp.KERNEL | Gfp.NORETRY, Gfp.KERNEL | Gfp.RETRY_MAYFAIL,
        Gfp.KERNEL | Gfp.ZERO, Gfp.NOFS | Gfp.ZERO, Gfp.KERNEL | Gfp.ACCOUNT};
    /// The places in a frame that carry its stamp: the first, and the last that all sizes have.
    private static final long LAST_WORD = Frames.SIZE - Long.BYTES;

    /// 2^64 divided by the golden ratio: makes stamps of all bits out of small numbers.
    private static final long SPREAD = 0x9E3779B97F4A7C15L;

    private final Polder pool;
    private final SlabCache cache;
    private final MemPool reserve;
    private final int largestShift;
    private final AtomicReferenceArray<@Nullable Block> slots;
    private final AtomicInteger hand = new AtomicInteger();
    private final AtomicInteger served = new AtomicInteger();

    /// Work on `pool`.
    ///
    /// @param slots blocks that live at a time
    /// @param largestShift log2 of the largest size
    Workload(Polder pool, int slots, int largestShift) {
        this.pool = pool;
        this.slots = new AtomicReferenceArray<>(slots);
        this.largestShift = largestShift;
        cache = pool.createCache("work", 200);
        reserve = pool.createMemPool(cache, 4);
    }

    /// Fills or empties one slot.
    void step(SplittableRandom random) {
        int slot = random.nextInt(slots.length());
        Block mine = random.nextInt(100) < 70 ? allocate(random) : null;
        Block before = slots.getAndSet(slot, mine);
        if (before != null) {
            free(before);
        }
    }

    private @Nullable Block allocate(SplittableRandom random) {
        Kind kind = KINDS[random.nextInt(KINDS.length)];
        int gfp = MASKS[random.nextInt(MASKS.length)] | Gfp.NOWARN;
        // Powers evenly, so that most blocks are small and large ones take most of the memory.
        long size = 1 + random.nextLong(1L << random.nextInt(3, largestShift));
        return switch (kind) {
            case PAGES -> {
                int order = random.nextInt(4) == 0 ? random.nextInt(7) : 0;
                long run = pool.pages().alloc(order, gfp);
                yield run == 0 ? null : block(kind, run, pool.pages().address(run),
                        Frames.SIZE << order, gfp);
            }
            case KMALLOC -> byAddress(kind, pool.kmalloc().alloc(size, gfp), size, gfp);
            case KMALLOC_ALIGNED -> byAddress(kind,
                    pool.kmalloc().alloc(size, 1L << random.nextInt(14), gfp), size, gfp);
            case VMALLOC -> byAddress(kind, pool.vmalloc().alloc(size, gfp), size, gfp);
            case KVMALLOC -> {
                MemorySegment s = pool.tryAllocate(size, gfp);
                yield s == null ? null : block(kind, 0, s.address(), size, gfp);
            }
            case CACHE -> byAddress(kind, cache.alloc(gfp), cache.objectSize(), gfp);
            case MEMPOOL -> byAddress(kind, reserve.alloc(gfp & ~(Gfp.DIRECT_RECLAIM | Gfp.ZERO)),
                    cache.objectSize(), gfp & ~Gfp.ZERO);
        };
    }

    private @Nullable Block byAddress(Kind kind, long address, long size, int gfp) {
        return address == 0 ? null : block(kind, 0, address, size, gfp);
    }

    private Block block(Kind kind, long handle, long address, long size, int gfp) {
        Block block = new Block(kind, handle, address, size, served.incrementAndGet() * SPREAD);
        MemorySegment memory = memory(block);
        for (long at = 0; at + Long.BYTES <= size; at += Frames.SIZE) {
            stamp(memory, at, size, block.stamp, (gfp & Gfp.ZERO) != 0);
        }
        return block;
    }

    private static void stamp(
            MemorySegment memory, long at, long size, long stamp, boolean zeroed) {
        long last = lastWord(at, size);
        if (zeroed) {
            Check.that(memory.get(JAVA_LONG_UNALIGNED, at) == 0
                    && memory.get(JAVA_LONG_UNALIGNED, last) == 0, "not zero as was asked");
        }
        memory.set(JAVA_LONG_UNALIGNED, last, ~stamp - at);
        memory.set(JAVA_LONG_UNALIGNED, at, stamp + at);
    }

    private static long lastWord(long at, long size) {
        return Math.min(at + LAST_WORD, size - Long.BYTES);
    }

    private void free(Block b) {
        MemorySegment memory = memory(b);
        for (long at = 0; at + Long.BYTES <= b.size; at += Frames.SIZE) {
            long last = lastWord(at, b.size);
            boolean overlaid = last - at < Long.BYTES;
            if (memory.get(JAVA_LONG_UNALIGNED, at) != b.stamp + at
                    || (!overlaid && memory.get(JAVA_LONG_UNALIGNED, last) != ~b.stamp - at)) {
                throw Check.broken("somebody wrote into " + b + " at offset " + at);
            }
        }
        switch (b.kind) {
            case PAGES -> pool.pages().free(b.handle);
            case KMALLOC, KMALLOC_ALIGNED -> pool.kmalloc().free(b.address);
            case VMALLOC -> pool.vmalloc().free(b.address);
            case KVMALLOC -> pool.free(memory);
            case CACHE -> cache.free(b.address);
            case MEMPOOL -> reserve.free(b.address);
        }
    }

    private MemorySegment memory(Block b) {
        MemorySegment all = pool.pages().memory().segment();
        return all.asSlice(b.address - all.address(), b.size);
    }

    /// Blocks that were handed out so far.
    int served() {
        return served.get();
    }

    @Override
    public long count(ShrinkControl sc) {
        return slots.length();
    }

    @Override
    public long scan(ShrinkControl sc) {
        long freed = 0;
        for (long i = 0; i < sc.toScan(); i++) {
            Block b = slots.getAndSet(Math.floorMod(hand.getAndIncrement(), slots.length()), null);
            if (b != null) {
                free(b);
                freed++;
            }
        }
        return freed;
    }

    /// Empties every slot.
    void freeAll() {
        for (int i = 0; i < slots.length(); i++) {
            Block b = slots.getAndSet(i, null);
            if (b != null) {
                free(b);
            }
        }
    }

    @Override
    public void close() {
        freeAll();
        reserve.close();
        cache.close();
    }
}
