package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.slab.SlabCache.Holder;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Every free of what is not an object in use is refused, says what the address is, and changes
/// nothing.
final class WrongFreeTest {
    private final SlabPool pool = new SlabPool(16);
    private final Kmalloc kmalloc = new Kmalloc(pool.slabs());
    private final SlabCache cache = new SlabCache(pool.slabs(), "things", 100);
    private final SlabCache other = new SlabCache(pool.slabs(), "others", 100);

    @AfterEach
    void verifyAndClose() {
        kmalloc.verify();
        pool.close();
    }

    private void refused(long address, String says) {
        List<Runnable> frees = List.of(() -> kmalloc.free(address), () -> cache.free(address));
        for (Runnable free : frees) {
            assertThatThrownBy(free::run).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("0x" + Long.toHexString(address))
                    .hasMessageContaining(says);
        }
        pool.slabs().verify();
    }

    @Test
    void foreignAddresses() {
        long base = pool.pages().memory().base();
        long end = base + (16 << 20);
        for (long address : new long[] {1, -1, Long.MIN_VALUE, Long.MAX_VALUE, base - 1,
            base - 4096, end, end + 4096}) {
            refused(address, "no address of this pool");
        }
        refused(base, "page of zeros");
        refused(base + (5 << 20), "not in use");
    }

    /// The way from an address to its slab looks at 44 of its bits; the object's own address tells.
    @Test
    void addressesThatDifferFromAnObjectFarUp() {
        long small = kmalloc.alloc(64, Gfp.KERNEL);
        long odd = cache.alloc(Gfp.KERNEL);
        for (int bit = 44; bit < 64; bit++) {
            refused(small ^ 1L << bit, "no address of this pool");
            refused(odd ^ 1L << bit, "no address of this pool");
        }
        kmalloc.free(small);
        cache.free(odd);
    }

    @Test
    void pageRuns() {
        long run = pool.pages().alloc(2, Gfp.KERNEL);
        refused(pool.pages().address(run), "run of pages");
        refused(pool.pages().address(run) + 5000, "run of pages");
        pool.pages().free(run);
    }

    @Test
    void insideAnObject() {
        long object = cache.alloc(Gfp.KERNEL);
        for (int i = 1; i < cache.objectSize(); i++) {
            refused(object + i, "inside a 104-byte object of cache things that starts at 0x"
                    + Long.toHexString(object));
        }
        cache.free(object);
    }

    @Test
    void theUnusedRestOfASlab() {
        long object = cache.alloc(Gfp.KERNEL);
        long end = (object & -Frames.SIZE) + Frames.SIZE;
        refused(end - 1, "unused rest of a slab");
        refused(end - 40, "unused rest of a slab");
        cache.free(object);
    }

    @Test
    void anObjectOfAnotherCache() {
        long object = other.alloc(Gfp.KERNEL);
        refused(object, "object of cache others, in use");
        assertThat(kmalloc.owns(object)).isFalse();
        other.free(object);
    }

    @Test
    void kmallocsObjectsInACacheAndTheOtherWayRound() {
        long small = kmalloc.alloc(100, Gfp.KERNEL);
        long large = kmalloc.alloc(100_000, Gfp.KERNEL);
        assertThatThrownBy(() -> cache.free(small)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("kmalloc-128").hasMessageContaining("in use for 100 bytes");
        assertThatThrownBy(() -> cache.free(large)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("100000 bytes");
        long object = cache.alloc(Gfp.KERNEL);
        assertThatThrownBy(() -> kmalloc.free(object)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cache things");
        cache.free(object);
        kmalloc.free(small);
        kmalloc.free(large);
    }

    @Test
    void insideALargeObject() {
        long large = kmalloc.alloc(100_000, Gfp.KERNEL);
        for (long offset : new long[] {1, 8, 4096, 99_999, 100_000, 131_071}) {
            refused(large + offset, "inside an object of 100000 bytes");
        }
        kmalloc.free(large);
        refused(large, "not in use");
        refused(large + 4096, "not in use");
    }

    @Test
    void anObjectThatLiesInASheaf() {
        long object = cache.alloc(Gfp.KERNEL);
        cache.free(object);
        assertThat(cache.stats().cachedObjects()).isPositive();
        refused(object, "free already");
        assertThat(cache.alloc(Gfp.KERNEL)).isEqualTo(object);
        cache.free(object);
    }

    @Test
    void anObjectThatWentBackToItsSlab() {
        long keeper = cache.alloc(Gfp.KERNEL);
        long object = cache.alloc(Gfp.KERNEL);
        cache.free(object);
        pool.slabs().shrinkAll();
        assertThat(cache.stats().cachedObjects()).isZero();
        refused(object, "free already");
        cache.free(keeper);
    }

    @Test
    void anObjectWhoseSlabWentBackToItsPages() {
        long object = cache.alloc(Gfp.KERNEL);
        cache.free(object);
        pool.slabs().shrinkAll();
        refused(object, "not in use");
    }

    @Test
    void anObjectThatAThreadInReclaimFreed() {
        long keeper = cache.alloc(Gfp.KERNEL);
        long object = cache.alloc(Gfp.KERNEL);
        Task task = Task.current();
        int token = task.enterReclaim();
        try {
            cache.free(object);
        } finally {
            task.leaveReclaim(token);
        }
        refused(object, "free already");
        cache.free(keeper);
    }

    @Test
    void anObjectFreedByAnotherThread() throws InterruptedException {
        long object = cache.alloc(Gfp.KERNEL);
        Thread.ofPlatform().start(() -> cache.free(object)).join();
        refused(object, "free already");
    }

    @Test
    void aFreedObjectOfEverySizeClassAndOfPages() {
        for (long size = 1; size <= 1 << 20; size = size * 3 / 2 + 1) {
            long object = kmalloc.alloc(size, Gfp.KERNEL);
            kmalloc.free(object);
            refused(object, size <= 8192 ? "free already" : "not in use");
            assertThat(kmalloc.owns(object)).isFalse();
            assertThatThrownBy(() -> kmalloc.usableSize(object))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> kmalloc.requestedSize(object))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void whatAReserveHoldsOrLent() {
        long object = cache.alloc(Gfp.KERNEL);
        cache.pass(object, Holder.USER, Holder.RESERVE);
        refused(object, "held in reserve");
        cache.pass(object, Holder.RESERVE, Holder.BORROWER);
        refused(object, "lent by a memory pool");
        assertThat(cache.isHeldBy(Holder.BORROWER, object)).isTrue();
        assertThatThrownBy(() -> cache.pass(object, Holder.USER, Holder.RESERVE))
                .isInstanceOf(IllegalArgumentException.class);
        cache.pass(object, Holder.BORROWER, Holder.USER);
        cache.free(object);
        assertThatThrownBy(() -> cache.pass(object, Holder.USER, Holder.RESERVE))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("free already");
    }

    @Test
    void theZeroSentinelInACache() {
        long nothing = kmalloc.alloc(0, Gfp.KERNEL);
        assertThatThrownBy(() -> cache.free(nothing)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0 bytes");
    }

    @Test
    void anythingInAClosedPool() {
        SlabPool closing = new SlabPool(16);
        Kmalloc k = new Kmalloc(closing.slabs());
        List<Long> objects = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            objects.add(k.alloc(64, Gfp.KERNEL));
        }
        k.free(objects.removeLast());
        closing.close();
        assertThatThrownBy(() -> k.free(objects.getFirst()))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> k.alloc(64, Gfp.KERNEL)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> k.alloc(64, Gfp.KERNEL | Gfp.NOFAIL))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> k.owns(objects.getFirst()))
                .isInstanceOf(IllegalStateException.class);
    }
}
