package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Membarrier;
import dev.polder.page.Role;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Objects that are runs of pages, and the sheaves that free ones are kept in.
final class LargeObjectsTest {
    private static final long SIZE = 16 << 10;

    private final SlabPool pool = new SlabPool(64);
    private final Kmalloc kmalloc = new Kmalloc(pool.slabs());

    @BeforeEach
    void needsTheBarrier() {
        Assumptions.assumeTrue(Membarrier.available());
        pool.record();
    }

    @AfterEach
    void verifyAndClose() {
        pool.assertNothingLeaked();
        pool.close();
    }

    private long kept() {
        return pool.slabs().cachedRunFrames();
    }

    private List<Long> take(int count, long size) {
        List<Long> out = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            out.add(kmalloc.alloc(size, Gfp.KERNEL));
        }
        assertThat(out).doesNotContain(0L).doesNotHaveDuplicates();
        return out;
    }

    @Test
    void aFreedRunIsKeptAndServesTheNextWithoutAPageRequest() {
        long first = kmalloc.alloc(SIZE, Gfp.KERNEL);
        assertThat(pool.taken()).hasSize(1);
        kmalloc.free(first);
        assertThat(kept()).isEqualTo(4);
        kmalloc.verify();
        long again = kmalloc.alloc(SIZE - 1, Gfp.KERNEL);
        assertThat(again).isEqualTo(first);
        assertThat(pool.taken()).isEmpty();
        assertThat(kmalloc.requestedSize(again)).isEqualTo(SIZE - 1);
        assertThat(kmalloc.usableSize(again)).isEqualTo(SIZE);
        assertThat(kept()).isZero();
        kmalloc.free(again);
        assertThat(pool.slabs().shrinkAll()).as("frames given back").isEqualTo(4);
        assertThat(kept()).isZero();
    }

    @Test
    void itIsZeroedIfThatIsAskedFor() {
        long object = kmalloc.alloc(SIZE, Gfp.KERNEL);
        pool.write(object, -1);
        pool.write(object + SIZE - Long.BYTES, -1);
        kmalloc.free(object);
        assertThat(kmalloc.alloc(SIZE, Gfp.KERNEL | Gfp.ZERO)).isEqualTo(object);
        assertThat(pool.read(object)).isZero();
        assertThat(pool.read(object + SIZE - Long.BYTES)).isZero();
        kmalloc.free(object);
    }

    @Test
    void manyPassThroughTheSheavesAndTheDepotAndTheRestGoesBack() {
        for (int count : new int[] {1, 4, 5, 8, 9, 100, 30}) {
            List<Long> objects = take(count, SIZE);
            kmalloc.verify();
            objects.forEach(kmalloc::free);
            kmalloc.verify();
        }
        assertThat(kept()).isBetween(8L, 64L << 20 >> Frames.SHIFT);
        assertThat(pool.slabs().sheafBytes()).isLessThanOrEqualTo((64 << 20) / 16);
    }

    @Test
    void everyOrderThatIsKeptComesBackAsItself() {
        for (long size = SIZE; size <= Kmalloc.MAX_SIZE; size *= 2) {
            List<Long> objects = take(3, size);
            objects.forEach(kmalloc::free);
            for (long object : take(3, size)) {
                assertThat(object % size).isZero();
                kmalloc.free(object);
            }
            kmalloc.verify();
        }
        // An object of a cache that has the number after the last order's is not one of them
        kmalloc.free(kmalloc.alloc(8, Gfp.KERNEL));
        assertThat(kmalloc.alloc(Kmalloc.MAX_SIZE + 1, Gfp.KERNEL)).isZero();
        assertThat(kmalloc.alloc(Kmalloc.MAX_SIZE * 2 + 1, Gfp.KERNEL)).isZero();
    }

    @Test
    void wrongFreesOfAKeptRunAreRefused() {
        long object = kmalloc.alloc(SIZE, Gfp.KERNEL);
        for (long inside : new long[] {1, 8, Frames.SIZE, SIZE - 1}) {
            assertThatThrownBy(() -> kmalloc.free(object + inside))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("inside");
        }
        assertThatThrownBy(() -> kmalloc.free(object - (1L << 44)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(kmalloc.free(object, SIZE - 1)).as("another size").isFalse();
        kmalloc.free(object);
        assertThatThrownBy(() -> kmalloc.free(object))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("not in use");
        long run = pool.pages().pfnOf(object);
        assertThatThrownBy(() -> pool.pages().free(run)).as("to the page allocator it is kmalloc's")
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("kmalloc");
        assertThat(kept()).isEqualTo(4);
    }

    @Test
    void whatAGroupPaysForIsNeverKept() {
        MemGroup group = pool.root().create("payer");
        kmalloc.free(kmalloc.alloc(SIZE, Gfp.KERNEL));
        pool.taken();
        long charged;
        try (var in = group.enter()) {
            assertThat(in).isNotNull();
            charged = kmalloc.alloc(SIZE, Gfp.KERNEL);
        }
        assertThat(pool.taken()).as("a kept run would be nobody's").hasSize(1);
        assertThat(group.charged()).isEqualTo(SIZE);
        kmalloc.verify();
        kmalloc.free(charged);
        assertThat(group.charged()).isZero();
        assertThat(kept()).as("the one from before").isEqualTo(4);
        kmalloc.free(kmalloc.alloc(SIZE, Gfp.KERNEL_ACCOUNT));
        assertThat(pool.root().charged()).isZero();
    }

    @Test
    void nothingIsKeptWhileLittleIsFree() {
        List<Long> all = new ArrayList<>();
        long object = kmalloc.alloc(SIZE, Gfp.NOWAIT | Gfp.NOWARN);
        while (object != 0) {
            all.add(object);
            object = kmalloc.alloc(SIZE, Gfp.NOWAIT | Gfp.NOWARN);
        }
        kmalloc.free(all.removeLast());
        assertThat(kept()).isZero();
        all.forEach(kmalloc::free);
        assertThat(kept()).as("when enough was free again").isPositive();
    }

    @Test
    @Row("D2")
    void reclaimTakesKeptRunsBackBeforeARequestFails() {
        List<Long> small = take(100, SIZE);
        small.forEach(kmalloc::free);
        long before = kept();
        assertThat(before).isPositive();
        int mask = Gfp.KERNEL | Gfp.NORETRY | Gfp.NOWARN;
        List<Long> all = new ArrayList<>();
        for (long o = kmalloc.alloc(2 * SIZE, mask); o != 0; o = kmalloc.alloc(2 * SIZE, mask)) {
            all.add(o);
        }
        assertThat(kept()).isZero();
        all.forEach(kmalloc::free);
    }

    @Test
    void aThousandThreadsThatComeAndGoLeaveNothingAfterARecall() throws InterruptedException {
        for (int i = 0; i < 1000; i++) {
            Thread.ofPlatform().start(() -> take(10, SIZE).forEach(kmalloc::free)).join();
        }
        assertThat(pool.slabs().threads().threads()).isLessThan(10);
        pool.slabs().shrinkAll();
        assertThat(kept()).isZero();
        assertThat(pool.used()).isZero();
    }

    @Test
    void anIdleThreadsRunsAreCalledBackAndVirtualThreadsKeepNone() throws InterruptedException {
        CountDownLatch ready = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        Thread idle = Thread.ofPlatform().start(() -> {
            take(4, SIZE).forEach(kmalloc::free);
            ready.countDown();
            try {
                go.await();
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
            }
        });
        ready.await();
        assertThat(kept()).isEqualTo(16);
        pool.slabs().shrinkAll();
        assertThat(kept()).isZero();
        go.countDown();
        idle.join();
        Thread.ofVirtual().start(() -> take(4, SIZE).forEach(kmalloc::free)).join();
        assertThat(kept()).isZero();
    }

    @Test
    void allTogetherTakeNoMoreThanHalfOfTheRoom() throws InterruptedException {
        for (long size = SIZE; size <= Kmalloc.MAX_SIZE; size *= 2) {
            take((int) ((16 << 20) / size), size).forEach(kmalloc::free);
            assertThat(Frames.bytes(kept())).isLessThanOrEqualTo((64 << 20) / 16 / 2);
        }
        pool.slabs().verify();
    }

    @Test
    void requestsOfOtherRolesAreNotServedFromSheaves() {
        kmalloc.free(kmalloc.alloc(SIZE, Gfp.KERNEL));
        pool.taken();
        pool.pages().free(pool.pages().alloc(2, Gfp.KERNEL));
        assertThat(pool.taken()).hasSize(1).allMatch(r -> r.role() == Role.DIRECT);
        assertThat(kept()).isEqualTo(4);
    }
}
