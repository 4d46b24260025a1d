package dev.polder;

import dev.polder.Blocks.Block;
import dev.polder.Blocks.Kind;
import dev.polder.gfp.Gfp;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/// Random work on one pool by any number of threads: [Blocks] of every kind, allocated with all
/// sorts of masks, in slots that the threads share, so that most are freed by another thread. It is
/// a consumer of the pool as well: reclaim may empty its slots.
final class Workload implements Shrinker, AutoCloseable {
    /// Masks in the proportion in which they are used.
    static final int[] MASKS = {Gfp.KERNEL, Gfp.KERNEL, Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO,
        Gfp.NOWAIT, Gfp.ATOMIC, Gfp.KERNEL | Gfp.NORETRY, Gfp.KERNEL | Gfp.RETRY_MAYFAIL,
        Gfp.KERNEL | Gfp.ZERO, Gfp.NOFS | Gfp.ZERO, Gfp.KERNEL | Gfp.ACCOUNT};
    private static final Kind[] KINDS = Kind.values();

    private final Blocks blocks;
    private final int largestShift;
    private final AtomicReferenceArray<@Nullable Block> slots;
    private final AtomicInteger hand = new AtomicInteger();

    /// Work on `pool`.
    ///
    /// @param slots blocks that live at a time
    /// @param largestShift log2 of the largest size
    Workload(Polder pool, int slots, int largestShift) {
        this.blocks = new Blocks(pool);
        this.slots = new AtomicReferenceArray<>(slots);
        this.largestShift = largestShift;
    }

    /// Fills or empties one slot.
    void step(SplittableRandom random) {
        int slot = random.nextInt(slots.length());
        Block mine = random.nextInt(100) < 70 ? take(random) : null;
        Block before = slots.getAndSet(slot, mine);
        if (before != null) {
            blocks.free(before);
        }
    }

    private @Nullable Block take(SplittableRandom random) {
        Kind kind = KINDS[random.nextInt(KINDS.length)];
        int gfp = MASKS[random.nextInt(MASKS.length)] | Gfp.NOWARN;
        // Powers evenly, so that most blocks are small and large ones take most of the memory.
        long size = 1 + random.nextLong(1L << random.nextInt(3, largestShift));
        int order = random.nextInt(4) == 0 ? random.nextInt(7) : 0;
        return blocks.take(kind, size, kind == Kind.PAGES ? order : random.nextInt(14), gfp);
    }

    /// Blocks that were handed out so far.
    int served() {
        return blocks.served();
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
                blocks.free(b);
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
                blocks.free(b);
            }
        }
    }

    @Override
    public void close() {
        freeAll();
        blocks.close();
    }
}
