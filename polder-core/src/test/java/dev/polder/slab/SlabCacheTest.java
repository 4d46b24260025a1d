package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SlabCacheTest {
    private final SlabPool pool = new SlabPool(16);
    private final SlabCache cache = new SlabCache(pool.slabs(), "things", 100);

    @AfterEach
    void verifyAndClose() {
        pool.close();
    }

    private List<Long> take(SlabCache from, int count) {
        List<Long> out = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long object = from.alloc(Gfp.KERNEL);
            assertThat(object).isNotZero();
            out.add(object);
        }
        return out;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 24, 96, 100, 104, 192, 1000, 4096, 5000, 8192, 40000, 1 << 22})
    void objectsAreDistinctAlignedAndTheirWholeSizeIsUsable(int size) {
        SlabCache c = new SlabCache(pool.slabs(), "sized", size);
        assertThat(c.objectSize()).isGreaterThanOrEqualTo(size).isLessThan(size + 8);
        List<Long> objects = take(c, size > 1 << 20 ? 1 : size > 10000 ? 20 : 200);
        int last = c.objectSize() - 8;
        for (long object : objects) {
            assertThat(object % 8).isZero();
            assertThat(object % Integer.lowestOneBit(c.objectSize()) == 0
                    || Integer.lowestOneBit(c.objectSize()) > 4096).isTrue();
            pool.write(object, object);
            pool.write(object + last, ~object | (last == 0 ? object : 0));
        }
        for (long object : objects) {
            if (last > 0) {
                assertThat(pool.read(object)).isEqualTo(object);
                assertThat(pool.read(object + last)).isEqualTo(~object);
            }
        }
        assertThat(new HashSet<>(objects)).hasSameSizeAs(objects);
        assertThat(c.stats().activeObjects()).isEqualTo(objects.size());
        pool.slabs().verify();
        objects.forEach(c::free);
        assertThat(c.stats().activeObjects()).isZero();
        pool.assertNothingLeaked();
    }

    @Test
    void aBadNameOrSizeIsRefused() {
        for (int size : new int[] {0, -1, SlabCache.MAX_OBJECT_SIZE + 1, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> new SlabCache(pool.slabs(), "x", size))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("" + size);
        }
        assertThatThrownBy(() -> new SlabCache(pool.slabs(), " ", 8))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void anUnknownBitInTheMaskIsRefused() {
        assertThatThrownBy(() -> cache.alloc(1 << 30)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void recycledObjectsAreDirtyUnlessZeroIsAsked() {
        long object = cache.alloc(Gfp.KERNEL);
        for (int i = 0; i < cache.objectSize(); i++) {
            pool.writeByte(object + i, 0x5a);
        }
        cache.free(object);
        assertThat(cache.alloc(Gfp.KERNEL)).as("the last one freed comes first").isEqualTo(object);
        assertThat(pool.readByte(object)).isEqualTo(0x5a);
        cache.free(object);
        assertThat(cache.alloc(Gfp.KERNEL | Gfp.ZERO)).isEqualTo(object);
        for (int i = 0; i < cache.objectSize(); i++) {
            assertThat(pool.readByte(object + i)).isZero();
        }
        cache.free(object);
    }

    @Test
    void zeroHoldsForEveryObjectAlsoOfAFreshSlab() {
        long run = pool.pages().alloc(3, Gfp.KERNEL);
        long address = pool.pages().address(run);
        for (long i = 0; i < Frames.SIZE << 3; i++) {
            pool.writeByte(address + i, 0x77);
        }
        pool.pages().free(run);
        List<Long> objects = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            long object = cache.alloc(Gfp.KERNEL | Gfp.ZERO);
            for (int k = 0; k < cache.objectSize(); k += 8) {
                assertThat(pool.read(object + k)).isZero();
            }
            objects.add(object);
        }
        objects.forEach(cache::free);
    }

    @Test
    void nullMayBeFreed() {
        cache.free(0);
    }

    @Test
    void anObjectFreedByAnotherThreadComesBack() throws InterruptedException {
        ArrayBlockingQueue<Long> queue = new ArrayBlockingQueue<>(64);
        int count = 20_000;
        Thread consumer = Thread.ofPlatform().start(() -> {
            try {
                for (int i = 0; i < count; i++) {
                    Long object = queue.poll(10, TimeUnit.SECONDS);
                    if (object == null || pool.read(object) != ~object) {
                        return;
                    }
                    cache.free(object);
                }
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
            }
        });
        for (int i = 0; i < count; i++) {
            long object = cache.alloc(Gfp.KERNEL);
            pool.write(object, ~object);
            assertThat(queue.offer(object, 10, TimeUnit.SECONDS)).isTrue();
        }
        consumer.join(TimeUnit.SECONDS.toMillis(10));
        assertThat(queue).isEmpty();
        assertThat(cache.stats().activeObjects()).isZero();
        assertThat(cache.stats().frames()).as("objects circulate").isLessThan(100);
        pool.assertNothingLeaked();
    }

    @Test
    void emptySlabsGoBackOnFreeButForAFew() {
        List<Long> objects = take(cache, 5000);
        long frames = cache.stats().frames();
        Collections.shuffle(objects, new Random(7));
        objects.forEach(cache::free);
        SlabCacheStats after = cache.stats();
        assertThat(frames).isGreaterThan(120);
        assertThat(after.emptySlabs()).isLessThanOrEqualTo(2);
        assertThat(after.frames()).as("what is left are sheaves and two slabs")
                .isLessThanOrEqualTo(after.cachedObjects() + 2);
        pool.assertNothingLeaked();
    }

    @Test
    void aThreadInReclaimEmptiesSlabsAndTheFramesAreItsProgress() {
        List<Long> objects = take(cache, 2000);
        long frames = cache.stats().frames();
        long cached = cache.stats().cachedObjects();
        Task task = Task.current();
        long before = task.reclaimed();
        int token = task.enterReclaim();
        try {
            objects.forEach(cache::free);
        } finally {
            task.leaveReclaim(token);
        }
        SlabCacheStats after = cache.stats();
        assertThat(after.cachedObjects()).as("sheaves are passed by").isEqualTo(cached);
        assertThat(after.emptySlabs()).isZero();
        assertThat(task.reclaimed() - before).isEqualTo(frames - after.frames())
                .isGreaterThan(frames - cached - 1);
        pool.assertNothingLeaked();
    }

    @Test
    void reclaimCallsTheSheavesHomeBeforeTheConsumersAndEmptySlabsAfter() {
        take(cache, 300).forEach(cache::free);
        assertThat(cache.stats().cachedObjects()).isPositive();
        assertThat(pool.slabs().reclaimableFrames()).isPositive();
        assertThat(pool.pages().shrinkers().internalFrames()).isPositive();
        Task task = Task.current();
        int token = task.enterReclaim();
        try {
            assertThat(pool.slabs().drainSheaves()).isPositive();
            pool.slabs().shrinkEmpty(Long.MAX_VALUE);
        } finally {
            task.leaveReclaim(token);
        }
        assertThat(cache.stats().objects()).isZero();
        assertThat(pool.slabs().reclaimableFrames()).isZero();
        pool.assertNothingLeaked();
        // The sheaves serve again afterwards.
        take(cache, 100).forEach(cache::free);
        assertThat(cache.stats().cachedObjects()).isGreaterThan(30);
    }

    @Test
    void allSheavesTogetherHoldAtMostASixteenthOfThePool() {
        List<SlabCache> many = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            many.add(new SlabCache(pool.slabs(), "many-" + i, 64));
        }
        assertThat(pool.slabs().sheafBytes()).isPositive().isLessThanOrEqualTo((16 << 20) / 16);
        // A cache that got no sheaves works all the same.
        SlabCache last = many.getLast();
        List<Long> objects = take(last, 200);
        pool.slabs().verify();
        objects.forEach(last::free);
        assertThat(last.stats().cachedObjects()).isZero();
        many.forEach(SlabCache::close);
        assertThat(pool.slabs().stats()).hasSize(1);
    }

    @Test
    void shortageIsNullAndFreeingMakesRoomAgain() {
        SlabCache big = new SlabCache(pool.slabs(), "big", 4096);
        List<Long> objects = new ArrayList<>();
        for (long object = big.alloc(Gfp.NOWAIT); object != 0; object = big.alloc(Gfp.NOWAIT)) {
            objects.add(object);
        }
        assertThat(objects).hasSizeGreaterThan(3000);
        pool.slabs().verify();
        long freed = objects.removeLast();
        big.free(freed);
        assertThat(big.alloc(Gfp.NOWAIT)).isEqualTo(freed);
        big.free(freed);
        objects.forEach(big::free);
        pool.assertNothingLeaked();
    }

    @Test
    void aCacheWithObjectsInUseDoesNotClose() {
        long object = cache.alloc(Gfp.KERNEL);
        assertThatThrownBy(cache::close).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("things").hasMessageContaining("1 ");
        cache.free(object);
        cache.close();
        cache.close();
        assertThatThrownBy(() -> cache.alloc(Gfp.KERNEL)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> cache.free(object)).isInstanceOf(IllegalArgumentException.class);
        assertThat(pool.slabs().sheafBytes()).isZero();
        assertThat(pool.used()).isZero();
    }

    @Test
    void noLockIsHeldOverAPageRequest() throws InterruptedException {
        Set<String> seen = Collections.synchronizedSet(new HashSet<>());
        pool.record((_, _, _, _, _) -> {
            // Another thread can use every part of the cache while this one asks for pages.
            Thread other = Thread.ofPlatform().start(() -> {
                cache.stats();
                cache.drainSheaves();
                cache.shrink();
                seen.add("passed");
            });
            try {
                other.join(TimeUnit.SECONDS.toMillis(10));
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
            }
            seen.add(other.isAlive() ? "blocked" : "done");
        });
        cache.free(cache.alloc(Gfp.KERNEL));
        assertThat(seen).containsExactlyInAnyOrder("passed", "done");
    }

    @Test
    void theListShowsEveryCache() {
        take(cache, 10);
        StringBuilder out = new StringBuilder();
        pool.slabs().showSlabs(out);
        assertThat(out.toString().lines()).hasSize(2);
        assertThat(out).contains("things").containsPattern("things\\s+10\\s");
    }
}
