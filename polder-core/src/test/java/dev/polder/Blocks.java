package dev.polder;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.mempool.MemPool;
import dev.polder.slab.SlabCache;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Blocks of a pool from all of its doors.
///
/// Every block is stamped in each of its frames with a number of its own, which must be there when
/// the block is freed. Two blocks that share memory are found by that, whoever is at fault.
final class Blocks implements AutoCloseable {
    /// Where a block comes from.
    enum Kind { PAGES, KMALLOC, KMALLOC_ALIGNED, VMALLOC, KVMALLOC, CACHE, MEMPOOL }

    /// One block.
    record Block(Kind kind, long handle, long address, long size, long stamp) {}

    /// The last word of a frame.
    private static final long LAST_WORD = Frames.SIZE - Long.BYTES;
    /// 2^64 divided by the golden ratio: makes stamps of all bits out of small numbers.
    private static final long SPREAD = 0x9E3779B97F4A7C15L;
    private static final int RESERVED = 4;

    private final Polder pool;
    private final SlabCache cache;
    private final MemPool reserve;
    private final AtomicInteger served = new AtomicInteger();

    Blocks(Polder pool) {
        this.pool = pool;
        cache = pool.createCache("blocks", 200);
        reserve = pool.createMemPool(cache, RESERVED);
    }

    /// Takes a block of about `size` bytes, or null for shortage.
    ///
    /// @param log log2 of the alignment, or the order of pages, where the kind has such
    @Nullable Block take(Kind kind, long size, int log, int gfp) {
        return switch (kind) {
            case PAGES -> {
                long run = pool.pages().alloc(log, gfp);
                yield run == 0 ? null : stamped(new Block(kind, run, pool.pages().address(run),
                        Frames.SIZE << log, stamp()), gfp);
            }
            case KMALLOC -> byAddress(kind, pool.kmalloc().alloc(size, gfp), size, gfp);
            case KMALLOC_ALIGNED -> byAddress(kind,
                    pool.kmalloc().alloc(size, 1L << log, gfp), size, gfp);
            case VMALLOC -> byAddress(kind, pool.vmalloc().alloc(size, gfp), size, gfp);
            case KVMALLOC -> {
                MemorySegment s = pool.tryAllocate(size, gfp);
                yield s == null ? null : byAddress(kind, s.address(), size, gfp);
            }
            case CACHE -> byAddress(kind, cache.alloc(gfp), cache.objectSize(), gfp);
            // A mask that may block would wait for an element for ever; no pool zeroes (J4).
            case MEMPOOL -> byAddress(kind, reserve.alloc(gfp & ~(Gfp.DIRECT_RECLAIM | Gfp.ZERO)),
                    cache.objectSize(), gfp & ~Gfp.ZERO);
        };
    }

    private @Nullable Block byAddress(Kind kind, long address, long size, int gfp) {
        return address == 0 ? null : stamped(new Block(kind, 0, address, size, stamp()), gfp);
    }

    private long stamp() {
        return served.incrementAndGet() * SPREAD;
    }

    /// Stamps a block, after a look at its zeroes if the mask asked for some.
    Block stamped(Block b, int gfp) {
        MemorySegment memory = memory(b);
        boolean zeroed = (gfp & Gfp.ZERO) != 0;
        for (long at = 0; at + Long.BYTES <= b.size; at += Frames.SIZE) {
            long last = lastWord(at, b.size);
            Check.that(!zeroed || (memory.get(JAVA_LONG_UNALIGNED, at) == 0
                    && memory.get(JAVA_LONG_UNALIGNED, last) == 0), "not zero as was asked");
            memory.set(JAVA_LONG_UNALIGNED, last, ~b.stamp - at);
            memory.set(JAVA_LONG_UNALIGNED, at, b.stamp + at);
        }
        return b;
    }

    /// The same memory for another block: what a pool that hands an object out twice would do.
    Block twin(Block b) {
        return stamped(new Block(b.kind, b.handle, b.address, b.size, stamp()), 0);
    }

    private static long lastWord(long at, long size) {
        return Math.min(at + LAST_WORD, size - Long.BYTES);
    }

    /// Checks a block's stamps.
    ///
    /// @throws IllegalStateException if one is not there
    void check(Block b) {
        MemorySegment memory = memory(b);
        for (long at = 0; at + Long.BYTES <= b.size; at += Frames.SIZE) {
            long last = lastWord(at, b.size);
            boolean overlaid = last - at < Long.BYTES;
            if (memory.get(JAVA_LONG_UNALIGNED, at) != b.stamp + at
                    || (!overlaid && memory.get(JAVA_LONG_UNALIGNED, last) != ~b.stamp - at)) {
                throw Check.broken("somebody wrote into " + b + " at offset " + at);
            }
        }
    }

    /// Checks a block's stamps and gives it back.
    void free(Block b) {
        check(b);
        switch (b.kind) {
            case PAGES -> pool.pages().free(b.handle);
            case KMALLOC, KMALLOC_ALIGNED -> pool.kmalloc().free(b.address);
            case VMALLOC -> pool.vmalloc().free(b.address);
            case KVMALLOC -> pool.free(memory(b));
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
    public void close() {
        reserve.close();
        cache.close();
    }
}
