package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Membarrier;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Virtual threads that come again and again own sheaves, a few at a time and until a recall.
final class FrequentVirtualThreadTest {
    private static final int OFTEN = 3000;
    private static final int SELDOM = 300;

    private final SlabPool pool = new SlabPool(32);
    private final SlabCache cache = new SlabCache(pool.slabs(), "owned", 64);

    @BeforeEach
    void needsTheBarrier() {
        Assumptions.assumeTrue(Membarrier.available());
    }

    @AfterEach
    void verifyAndClose() {
        pool.assertNothingLeaked();
        pool.close();
    }

    private void pairs(int count) {
        for (int i = 0; i < count; i++) {
            cache.free(cache.alloc(Gfp.KERNEL));
        }
    }

    /// The thread has ended when this returns.
    private static <T> T onAVirtualThread(Callable<T> work) throws Exception {
        FutureTask<T> task = new FutureTask<>(work);
        Thread.ofVirtual().start(task).join();
        return task.get();
    }

    private @Nullable ThreadSheaves mineAfter(int pairs) {
        pairs(pairs);
        return cache.mine();
    }

    @Test
    void oneThatComesOftenHasSheavesAndOneThatDoesNotHasNone() throws Exception {
        assertThat(onAVirtualThread(() -> mineAfter(SELDOM) == null)).isTrue();
        assertThat(onAVirtualThread(() -> mineAfter(OFTEN) == null)).isFalse();
        assertThat(pool.slabs().threads().threads()).isEqualTo(1);
        pool.slabs().threads().drain();
        assertThat(pool.slabs().threads().threads()).as("it has ended").isZero();
    }

    @Test
    void aRecallEndsItAndItMayBecomeAnOwnerAgain() throws Exception {
        onAVirtualThread(() -> {
            ThreadSheaves first = mineAfter(OFTEN);
            List<Long> objects = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                objects.add(cache.alloc(Gfp.KERNEL));
            }
            pool.slabs().threads().drain();
            assertThat(cache.mine()).isNull();
            assertThat(first).isNotNull();
            if (first != null) {
                assertThat(first.push(objects.getFirst())).as("nobody would look there").isFalse();
                assertThat(first.pushMore(objects.getFirst())).isFalse();
            }
            objects.forEach(cache::free);
            assertThat(cache.stats().activeObjects()).isZero();
            assertThat(mineAfter(OFTEN)).isNotNull().isNotSameAs(first);
            return null;
        });
        assertThat(pool.slabs().threads().threads()).isEqualTo(1);
    }

    @Test
    void thereAreNoMoreOfThemThanProcessors() throws Exception {
        int processors = Runtime.getRuntime().availableProcessors();
        CyclicBarrier all = new CyclicBarrier(processors + 2);
        AtomicInteger owners = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < processors + 2; i++) {
            threads.add(Thread.ofVirtual().start(() -> {
                owners.addAndGet(mineAfter(OFTEN) != null ? 1 : 0);
                // All live until each was counted
                awaitQuietly(all);
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(owners.get()).isBetween(1, processors);
        assertThat(onAVirtualThread(() -> mineAfter(OFTEN) != null)).as("they have ended").isTrue();
    }

    @Test
    void anOwnerPaysFromTheMomentItEntersAGroup() throws Exception {
        MemGroup group = pool.root().create("one");
        onAVirtualThread(() -> {
            assertThat(mineAfter(OFTEN)).isNotNull();
            long object;
            try (var in = group.enter()) {
                assertThat(in).isNotNull();
                object = cache.alloc(Gfp.KERNEL);
                assertThat(group.objectBytes()).isEqualTo(64);
            }
            long other = cache.alloc(Gfp.KERNEL);
            assertThat(group.objectBytes()).isEqualTo(64);
            cache.free(object);
            cache.free(other);
            assertThat(group.charged()).isZero();
            return null;
        });
    }

    private static void awaitQuietly(CyclicBarrier barrier) {
        try {
            barrier.await();
        } catch (InterruptedException | BrokenBarrierException e) {
            throw new AssertionError(e);
        }
    }
}
