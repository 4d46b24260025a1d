package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Random programs on `kmalloc` and on a model that knows only which bytes are in use.
final class SlabModelTest {
    private static final int STEPS = 12_000;
    private static final int LIVE_AT_MOST = 2_500;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void objectsNeverOverlapAndKeepTheirContent(long seed) {
        Random random = new Random(seed);
        try (SlabPool pool = new SlabPool(32)) {
            Kmalloc kmalloc = new Kmalloc(pool.slabs());
            // Address of each live object → its requested size; the model.
            NavigableMap<Long, Long> live = new TreeMap<>();
            List<Long> order = new ArrayList<>();
            for (int step = 0; step < STEPS; step++) {
                int what = random.nextInt(100);
                // Growing and shrinking phases, so that slabs fill up and empty.
                int bias = (step / 2000) % 2 == 0 ? 62 : 38;
                if (order.isEmpty() || (what < bias && order.size() < LIVE_AT_MOST)) {
                    alloc(pool, kmalloc, live, order, random);
                } else if (what < 97) {
                    free(pool, kmalloc, live, order, random);
                } else if (what < 98) {
                    pool.slabs().shrinkAll();
                } else {
                    pool.slabs().drainSheaves();
                }
                if (step % 1000 == 0) {
                    pool.slabs().verify();
                    kmalloc.verify();
                    long small = live.values().stream()
                            .filter(size -> size <= SizeClasses.LARGEST).count();
                    assertThat(pool.slabs().stats().stream()
                            .mapToLong(SlabCacheStats::activeObjects).sum())
                            .as("seed %d, step %d", seed, step).isEqualTo(small);
                }
            }
            while (!order.isEmpty()) {
                free(pool, kmalloc, live, order, random);
            }
            pool.assertNothingLeaked();
        }
    }

    private static void alloc(SlabPool pool, Kmalloc kmalloc, NavigableMap<Long, Long> live,
            List<Long> order, Random random) {
        long size = Math.max(1, (long) Math.pow(2, random.nextDouble() * 14));
        long alignment = random.nextInt(8) == 0 ? 1L << random.nextInt(14) : 1;
        long object = kmalloc.alloc(size, alignment, Gfp.KERNEL);
        if (object == 0) {
            return;
        }
        Map.Entry<Long, Long> before = live.floorEntry(object + size - 1);
        assertThat(before == null || before.getKey() + before.getValue() <= object)
                .as("no overlap").isTrue();
        assertThat(object % alignment).isZero();
        fill(pool, object, size);
        live.put(object, size);
        order.add(object);
    }

    private static void free(SlabPool pool, Kmalloc kmalloc, NavigableMap<Long, Long> live,
            List<Long> order, Random random) {
        int at = random.nextInt(order.size());
        long object = order.set(at, order.getLast());
        order.removeLast();
        long size = Objects.requireNonNull(live.remove(object));
        assertThat(kmalloc.requestedSize(object)).isEqualTo(size);
        check(pool, object, size);
        if (random.nextInt(16) == 0) {
            Task task = Task.current();
            int token = task.enterReclaim();
            try {
                kmalloc.free(object);
            } finally {
                task.leaveReclaim(token);
            }
        } else {
            kmalloc.free(object);
        }
        if (random.nextInt(16) == 0) {
            assertThatThrownBy(() -> kmalloc.free(object))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    /// A byte pattern that differs from object to object, at both ends.
    private static void fill(SlabPool pool, long object, long size) {
        for (long i = 0; i < Math.min(size, 16); i++) {
            pool.writeByte(object + i, cookie(object, i));
            pool.writeByte(object + size - 1 - i, cookie(object, size - 1 - i));
        }
    }

    private static void check(SlabPool pool, long object, long size) {
        for (long i = 0; i < Math.min(size, 16); i++) {
            assertThat(pool.readByte(object + i)).isEqualTo(cookie(object, i));
            long last = size - 1 - i;
            assertThat(pool.readByte(object + last)).isEqualTo(cookie(object, last));
        }
    }

    private static byte cookie(long object, long i) {
        long mixed = (object + i) * 0x9E3779B97F4A7C15L;
        return (byte) (mixed >>> 56);
    }
}
