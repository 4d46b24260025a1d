package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.page.Role;
import dev.polder.slab.SlabPool.Request;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class KmallocTest {
    private final SlabPool pool = new SlabPool(32);
    private final Kmalloc kmalloc = new Kmalloc(pool.slabs());

    @AfterEach
    void verifyAndClose() {
        kmalloc.verify();
        pool.close();
    }

    @Test
    void everySizeUpToTheLargestClassIsRecordedAndUsable() {
        List<Long> objects = new ArrayList<>();
        for (int size = 1; size <= SizeClasses.LARGEST; size += size < 300 ? 1 : 61) {
            long object = kmalloc.alloc(size, Gfp.KERNEL);
            assertThat(object).isNotZero();
            assertThat(kmalloc.requestedSize(object)).isEqualTo(size);
            assertThat(kmalloc.usableSize(object)).isGreaterThanOrEqualTo(size)
                    .isLessThanOrEqualTo(Math.max(8, 2L * size - 1));
            assertThat(kmalloc.owns(object)).isTrue();
            assertThat(kmalloc.owns(object + 1)).isFalse();
            for (long i = 0; i < kmalloc.usableSize(object); i += 8) {
                pool.write(object + i, object ^ i);
            }
            objects.add(object);
        }
        for (long object : objects) {
            for (long i = 0; i < kmalloc.usableSize(object); i += 8) {
                assertThat(pool.read(object + i)).isEqualTo(object ^ i);
            }
        }
        assertThat(new HashSet<>(objects)).hasSameSizeAs(objects);
        pool.slabs().verify();
        objects.forEach(kmalloc::free);
        pool.assertNothingLeaked();
    }

    @Test
    @Row("G4")
    void zeroBytesIsAnAddressThatMayBeFreedAndOwnsNothing() {
        pool.record();
        long nothing = kmalloc.alloc(0, Gfp.KERNEL);
        assertThat(nothing).isNotZero().isEqualTo(pool.pages().memory().zeroSentinel());
        assertThat(kmalloc.alloc(0, 8192, Gfp.ATOMIC)).isEqualTo(nothing);
        assertThat(kmalloc.usableSize(nothing)).isZero();
        assertThat(kmalloc.requestedSize(nothing)).isZero();
        assertThat(kmalloc.owns(nothing)).isTrue();
        kmalloc.free(nothing);
        kmalloc.free(nothing);
        kmalloc.free(0);
        assertThat(kmalloc.owns(0)).isFalse();
        assertThat(pool.taken()).isEmpty();
        assertThatThrownBy(() -> kmalloc.alloc(0, 1 << 30))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @Row("G4")
    void sizesAboveTwoPagesGoStraightToPages() {
        pool.record();
        for (long size : new long[] {8193, 12_000, 16_384, 16_385, 100_000, 1 << 20, 1 << 22}) {
            long object = kmalloc.alloc(size, Gfp.KERNEL | Gfp.ZERO);
            assertThat(pool.taken()).containsExactly(new Request(Role.KMALLOC_LARGE,
                    Frames.orderFor(size), Gfp.KERNEL | Gfp.ZERO, Gfp.KERNEL | Gfp.ZERO, true));
            assertThat(kmalloc.requestedSize(object)).isEqualTo(size);
            assertThat(kmalloc.usableSize(object)).isEqualTo(Frames.SIZE << Frames.orderFor(size));
            assertThat(pool.read(object)).isZero();
            assertThat(pool.read(object + kmalloc.usableSize(object) - 8)).isZero();
            kmalloc.verify();
            kmalloc.free(object);
            pool.slabs().shrinkAll();
        }
        assertThat(kmalloc.alloc((1 << 22) + 1, Gfp.KERNEL)).isZero();
        assertThat(kmalloc.alloc(Long.MAX_VALUE, Gfp.KERNEL | Gfp.NOFAIL)).isZero();
        assertThat(pool.taken()).as("larger than any run: the page allocator refuses at once")
                .hasSize(2).allMatch(r -> !r.got() && r.order() > Frames.MAX_ORDER);
        pool.assertNothingLeaked();
    }

    @Test
    @Row("G4")
    void powersOfTwoAreNaturallyAligned() {
        List<Long> objects = new ArrayList<>();
        for (int round = 0; round < 3; round++) {
            for (long size = 8; size <= 1 << 21; size <<= 1) {
                long object = kmalloc.alloc(size, Gfp.KERNEL);
                assertThat(object % size).as("size %d", size).isZero();
                objects.add(object);
            }
        }
        objects.forEach(kmalloc::free);
        pool.assertNothingLeaked();
    }

    @Test
    void anAlignmentIsHonouredForEverySize() {
        long[] sizes = {1, 7, 8, 9, 33, 64, 65, 96, 100, 129, 190, 200, 1000, 4097, 8192, 8193,
            70_000};
        for (long alignment = 1; alignment <= 1 << 22; alignment <<= 1) {
            for (long size : sizes) {
                long a = kmalloc.alloc(size, alignment, Gfp.KERNEL);
                long b = kmalloc.alloc(size, alignment, Gfp.KERNEL);
                assertThat(a).isNotZero();
                assertThat(b).isNotZero();
                assertThat(a % alignment).as("%d on %d", size, alignment).isZero();
                assertThat(b % alignment).as("%d on %d", size, alignment).isZero();
                assertThat(kmalloc.requestedSize(a)).isEqualTo(size);
                kmalloc.free(a);
                kmalloc.free(b);
            }
        }
        pool.assertNothingLeaked();
    }

    @Test
    void aBadAlignmentOrSizeIsRefused() {
        for (long alignment : new long[] {0, -1, 3, 24, 1L << 23, 1L << 40, Long.MIN_VALUE}) {
            assertThatThrownBy(() -> kmalloc.alloc(8, alignment, Gfp.KERNEL))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("" + alignment);
        }
        for (long size : new long[] {-1, Long.MIN_VALUE}) {
            assertThatThrownBy(() -> kmalloc.alloc(size, Gfp.KERNEL))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("" + size);
            assertThatThrownBy(() -> kmalloc.alloc(size, 16, Gfp.KERNEL))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        for (long size : new long[] {8, 10_000}) {
            assertThatThrownBy(() -> kmalloc.alloc(size, 1 << 30))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void resizeWorksWithinTheSameClassOnly() {
        long small = kmalloc.alloc(40, Gfp.KERNEL);
        assertThat(kmalloc.resize(small, 64)).isTrue();
        assertThat(kmalloc.requestedSize(small)).isEqualTo(64);
        assertThat(kmalloc.resize(small, 65)).isFalse();
        assertThat(kmalloc.resize(small, 32)).as("a smaller class would do").isFalse();
        assertThat(kmalloc.resize(small, 0)).isFalse();
        assertThat(kmalloc.resize(small, 1 << 20)).isFalse();
        assertThat(kmalloc.requestedSize(small)).isEqualTo(64);
        long large = kmalloc.alloc(20_000, Gfp.KERNEL);
        assertThat(kmalloc.resize(large, 32_768)).isTrue();
        assertThat(kmalloc.requestedSize(large)).isEqualTo(32_768);
        assertThat(kmalloc.resize(large, 32_769)).isFalse();
        assertThat(kmalloc.resize(large, 16_384)).isFalse();
        assertThat(kmalloc.resize(large, 8192)).isFalse();
        long nothing = kmalloc.alloc(0, Gfp.KERNEL);
        assertThat(kmalloc.resize(nothing, 0)).isTrue();
        assertThat(kmalloc.resize(nothing, 1)).isFalse();
        assertThatThrownBy(() -> kmalloc.resize(small, -1))
                .isInstanceOf(IllegalArgumentException.class);
        kmalloc.free(small);
        kmalloc.free(large);
        assertThatThrownBy(() -> kmalloc.resize(small, 50))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> kmalloc.resize(large, 20_000))
                .isInstanceOf(IllegalArgumentException.class);
        pool.assertNothingLeaked();
    }

    @Test
    void zeroedObjectsAreZeroOverTheirUsableSize() {
        for (long size = 1; size <= 1 << 17; size = size * 2 + 1) {
            long dirty = kmalloc.alloc(size, Gfp.KERNEL);
            long usable = kmalloc.usableSize(dirty);
            for (long i = 0; i < usable; i++) {
                pool.writeByte(dirty + i, -1);
            }
            kmalloc.free(dirty);
            long object = kmalloc.alloc(size, Gfp.KERNEL | Gfp.ZERO);
            assertThat(object).as("the dirty one comes back").isEqualTo(dirty);
            for (long i = 0; i < usable; i += 8) {
                assertThat(pool.read(object + i)).isZero();
            }
            kmalloc.free(object);
        }
    }

    @Test
    void manyVirtualThreadsStrandNothing() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            int size = 16 + i % 500;
            threads.add(Thread.ofVirtual().start(() -> {
                long[] mine = new long[20];
                for (int k = 0; k < mine.length; k++) {
                    mine[k] = kmalloc.alloc(size, Gfp.KERNEL);
                }
                LockSupport.parkNanos(1);
                for (long object : mine) {
                    kmalloc.free(object);
                }
            }));
        }
        for (Thread t : threads) {
            t.join();
        }
        assertThat(pool.slabs().stats())
                .allSatisfy(s -> assertThat(s.activeObjects()).as(s.name()).isZero());
        pool.assertNothingLeaked();
    }
}
