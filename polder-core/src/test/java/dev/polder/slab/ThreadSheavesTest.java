package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.os.Membarrier;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Sheaves that threads own, and their recall.
final class ThreadSheavesTest {
    private final SlabPool pool = new SlabPool(32);
    private final SlabCache cache = new SlabCache(pool.slabs(), "owned", 64);

    @BeforeEach
    void needsTheBarrier() {
        Assumptions.assumeTrue(Membarrier.available());
    }

    @AfterEach
    void verifyAndClose() {
        pool.close();
    }

    private ThreadSheaves mine() {
        ThreadSheaves mine = cache.mine();
        assertThat(mine).isNotNull();
        if (mine == null) {
            throw new AssertionError();
        }
        return mine;
    }

    private List<Long> take(int count) {
        List<Long> out = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            out.add(cache.alloc(Gfp.KERNEL));
        }
        assertThat(out).doesNotContain(0L).doesNotHaveDuplicates();
        return out;
    }

    @Test
    void aPlatformThreadOwnsSheavesAndAVirtualOneDoesNot() throws InterruptedException {
        cache.free(cache.alloc(Gfp.KERNEL));
        assertThat(pool.slabs().threads().threads()).isEqualTo(1);
        assertThat(mine().peek(0).size).isPositive();
        AtomicReference<Object> seen = new AtomicReference<>();
        Thread.ofVirtual().start(() -> {
            cache.free(cache.alloc(Gfp.KERNEL));
            seen.set(cache.mine() == null ? "none" : "some");
        }).join();
        assertThat(seen).hasValue("none");
        assertThat(pool.slabs().threads().threads()).isEqualTo(1);
    }

    @Test
    void twoThreadsOfOnePlaceInTheTableBothHaveSheaves() throws InterruptedException {
        AtomicReference<@Nullable ThreadSheaves> first = new AtomicReference<>();
        AtomicReference<@Nullable ThreadSheaves> second = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        CountDownLatch begun = new CountDownLatch(1);
        Thread holder = new Thread(() -> {
            cache.free(cache.alloc(Gfp.KERNEL));
            first.set(cache.mine());
            begun.countDown();
            awaitQuietly(done);
        });
        int place = SheafTable.place(cache.key() + holder.threadId());
        holder.start();
        begun.await();
        Thread late = threadAt(place, () -> {
            for (int i = 0; i < 300; i++) {
                cache.free(cache.alloc(Gfp.KERNEL));
            }
            second.set(cache.mine());
            done.countDown();
            joinQuietly(holder);
            for (int i = 0; i < 300; i++) {
                cache.free(cache.alloc(Gfp.KERNEL));
            }
        });
        assertThat(standing(holder)).isSameAs(first.get());
        late.start();
        late.join();
        assertThat(second.get()).isNotNull().isNotSameAs(first.get());
        assertThat(standing(late)).as("it moves in when the other has ended")
                .isSameAs(second.get());
        pool.assertNothingLeaked();
    }

    private @Nullable ThreadSheaves standing(Thread owner) {
        return SheafTable.find(cache.key() + owner.threadId());
    }

    /// A thread whose id leads to that place.
    private Thread threadAt(int place, Runnable work) {
        for (;;) {
            Thread thread = new Thread(work);
            if (SheafTable.place(cache.key() + thread.threadId()) == place) {
                return thread;
            }
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void joinQuietly(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void objectsPassThroughBothSheavesAndTheDepot() {
        for (int count : new int[] {1, 63, 64, 65, 127, 128, 129, 200, 1000, 100}) {
            List<Long> objects = take(count);
            pool.slabs().verify();
            assertThat(cache.stats().activeObjects()).isEqualTo(count);
            objects.forEach(cache::free);
            pool.slabs().verify();
            assertThat(cache.stats().activeObjects()).isZero();
        }
        assertThat(mine().peek(1)).as("a spare one").isNotSameAs(Sheaf.NONE);
        pool.assertNothingLeaked();
        assertThat(mine().peek(0)).isSameAs(Sheaf.NONE);
        take(10).forEach(cache::free);
    }

    @Test
    void aRecalledThreadGoesAroundItsSheaves() {
        List<Long> objects = take(50);
        ThreadSheaves mine = mine();
        mine.revoke();
        assertThat(mine.pop()).isZero();
        assertThat(mine.push(objects.getFirst())).isFalse();
        assertThat(mine.takeEmpty()).isNull();
        objects.addAll(take(300));
        objects.forEach(cache::free);
        assertThat(cache.stats().activeObjects()).isZero();
        mine.restore();
        pool.slabs().verify();
        cache.free(cache.alloc(Gfp.KERNEL));
        pool.assertNothingLeaked();
    }

    @Test
    void aThreadInsideItsSheavesIsPassedByAndCounted() {
        take(100).forEach(cache::free);
        ThreadSheaves mine = mine();
        // The bracket is left open, as by a thread that was switched out in it.
        mine.holdForTest(true);
        long before = pool.slabs().threads().skipped();
        assertThat(mine.awaitLeft(3)).isFalse();
        pool.slabs().threads().drain();
        assertThat(pool.slabs().threads().skipped()).isEqualTo(before + 1);
        mine.holdForTest(false);
        long cached = pool.slabs().threads().objects(cache);
        assertThat(cached).isPositive();
        pool.slabs().threads().drain();
        assertThat(pool.slabs().threads().objects(cache)).isZero();
        assertThat(pool.slabs().threads().skipped()).isEqualTo(before + 1);
        pool.slabs().verify();
    }

    @Test
    void anIdleThreadsSheavesAreCalledBack() throws Exception {
        CountDownLatch ready = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicBoolean ok = new AtomicBoolean();
        Thread idle = Thread.ofPlatform().start(() -> {
            take(100).forEach(cache::free);
            ready.countDown();
            try {
                ok.set(go.await(20, TimeUnit.SECONDS));
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
            }
            take(100).forEach(cache::free);
        });
        assertThat(ready.await(20, TimeUnit.SECONDS)).isTrue();
        assertThat(pool.slabs().threads().objects(cache)).isGreaterThanOrEqualTo(64);
        pool.assertNothingLeaked();
        go.countDown();
        idle.join();
        assertThat(ok).isTrue();
        assertThat(cache.stats().activeObjects()).isZero();
        pool.assertNothingLeaked();
        assertThat(pool.slabs().threads().threads()).as("the ended thread is forgotten").isZero();
    }

    @Test
    void aThousandThreadsThatComeAndGoLeaveLittleBehindAndNothingAfterARecall() throws Exception {
        for (int i = 0; i < 1000; i++) {
            Thread.ofPlatform().start(() -> take(100).forEach(cache::free)).join();
        }
        assertThat(pool.slabs().threads().threads()).isLessThan(10);
        assertThat(cache.stats().cachedObjects()).isLessThan(2000);
        pool.assertNothingLeaked();
    }

    @Test
    void oneThreadsShareFallsWithTheirNumber() throws Exception {
        int threads = 64;
        CyclicBarrier all = new CyclicBarrier(threads + 1);
        AtomicLong wrong = new AtomicLong();
        List<Thread> started = new ArrayList<>();
        Kmalloc kmalloc = new Kmalloc(pool.slabs());
        for (int i = 0; i < threads; i++) {
            started.add(Thread.ofPlatform().start(() -> {
                try {
                    for (int size = 8; size <= 8192; size *= 2) {
                        long[] mine = new long[70];
                        for (int k = 0; k < mine.length; k++) {
                            mine[k] = kmalloc.alloc(size, Gfp.KERNEL);
                        }
                        for (long object : mine) {
                            kmalloc.free(object);
                        }
                    }
                    all.await(20, TimeUnit.SECONDS);
                    all.await(20, TimeUnit.SECONDS);
                } catch (RuntimeException | BrokenBarrierException | InterruptedException
                        | java.util.concurrent.TimeoutException e) {
                    wrong.incrementAndGet();
                }
            }));
        }
        all.await(20, TimeUnit.SECONDS);
        assertThat(pool.slabs().sheafBytes()).isLessThanOrEqualTo((32 << 20) / 16);
        pool.slabs().verify();
        pool.assertNothingLeaked();
        all.await(20, TimeUnit.SECONDS);
        for (Thread t : started) {
            t.join();
        }
        assertThat(wrong).hasValue(0);
        pool.assertNothingLeaked();
    }

    @Test
    void closingACacheCallsItsSheavesBackFromEveryThread() throws Exception {
        CountDownLatch ready = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        SlabCache gone = new SlabCache(pool.slabs(), "gone", 128);
        Thread idle = Thread.ofPlatform().start(() -> {
            gone.free(gone.alloc(Gfp.KERNEL));
            ready.countDown();
            try {
                go.await();
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
            }
            take(5).forEach(cache::free);
        });
        ready.await();
        int number = gone.number();
        gone.close();
        SlabCache next = new SlabCache(pool.slabs(), "next", 256);
        assertThat(next.number()).as("the number is given again").isEqualTo(number);
        long object = next.alloc(Gfp.KERNEL);
        assertThat(object % 256).isZero();
        go.countDown();
        idle.join();
        next.free(object);
        pool.assertNothingLeaked();
    }

    @Test
    void aSheafThatTheCloseOfItsCacheCouldNotGetComesWithTheNextRecall() {
        SlabCache gone = new SlabCache(pool.slabs(), "gone", 128);
        gone.free(gone.alloc(Gfp.KERNEL));
        ThreadSheaves kept = gone.mine();
        assertThat(kept).isNotNull();
        if (kept == null) {
            return;
        }
        kept.holdForTest(true);
        gone.close();
        kept.holdForTest(false);
        assertThat(pool.used()).as("what the thread still has").isPositive();
        SlabCache next = new SlabCache(pool.slabs(), "next", 256);
        assertThat(next.number()).as("not given again").isNotEqualTo(gone.number());
        pool.assertNothingLeaked();
        next.free(next.alloc(Gfp.KERNEL));
    }

    @Test
    void aClosedPoolsSheavesServeNobody() {
        SlabPool other = new SlabPool(16);
        SlabCache c = new SlabCache(other.slabs(), "closing", 64);
        c.free(c.alloc(Gfp.KERNEL));
        int index = other.slabs().poolIndex();
        other.close();
        assertThatThrownBy(() -> c.alloc(Gfp.KERNEL)).isInstanceOf(IllegalStateException.class);
        try (SlabPool again = new SlabPool(16)) {
            assertThat(again.slabs().poolIndex()).as("the index is given again").isEqualTo(index);
            SlabCache d = new SlabCache(again.slabs(), "fresh", 64);
            d.free(d.alloc(Gfp.KERNEL));
            again.assertNothingLeaked();
        }
    }

    /// Owners that work without a pause while another thread recalls without a pause: an object
    /// that two hold at once would be seen by its cookie, or by the books.
    @Test
    void recallsAndUsesDoNotMix() throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Thread> owners = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            long id = i + 1L;
            owners.add(Thread.ofPlatform().start(() -> {
                try {
                    work(id, stop);
                } catch (Throwable t) {
                    failure.set(t);
                }
            }));
        }
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(1500);
        long recalls = 0;
        while (System.nanoTime() - end < 0 && failure.get() == null) {
            pool.slabs().threads().drain();
            recalls++;
        }
        stop.set(true);
        for (Thread t : owners) {
            t.join(TimeUnit.SECONDS.toMillis(20));
        }
        assertThat(failure.get()).isNull();
        assertThat(recalls).isGreaterThan(100);
        assertThat(cache.stats().activeObjects()).isZero();
        pool.assertNothingLeaked();
    }

    private void work(long id, AtomicBoolean stop) {
        long[] held = new long[150];
        while (!stop.get()) {
            for (int i = 0; i < held.length; i++) {
                held[i] = cache.alloc(Gfp.KERNEL);
                pool.write(held[i], id << 32 | i);
            }
            for (int i = 0; i < held.length; i++) {
                if (pool.read(held[i]) != (id << 32 | i)) {
                    throw new AssertionError("an object was handed out twice");
                }
                cache.free(held[i]);
            }
        }
    }
}
