package dev.polder;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.memgroup.MemGroup;
import dev.polder.shrink.InternalCaches;
import dev.polder.slab.SlabCacheStats;
import dev.polder.task.Task;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Threads that come, use every part of a pool, and end. What is kept near them must not add up,
/// and all of it must come back.
@Timeout(120)
class ComingThreadsTest {
    private static final int AT_A_TIME = 20;
    private static final int STEPS = 12;
    /// Frames that Polder's caches keep for the threads of today, whatever number was here before:
    /// a sixteenth of the pool in sheaves and one in areas, and the lists of a few stripes.
    private static final int KEPT_SHARE = 6;

    private final Polder pool =
            Polder.open(PolderConfig.builder().name("guests").budget(32L << 20).build());
    private final MemGroup group = pool.group().create("guest");
    private final Workload work = new Workload(pool, 300, 17);
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();

    /// Those that other tests of this JVM left are not this one's.
    @BeforeEach
    void forgetOthers() {
        Task.reap();
    }

    @AfterEach
    void close() {
        work.close();
        assertThat(Task.reap()).as("threads that ended inside a scope").isZero();
        pool.verify();
        pool.close();
    }

    @Test
    void aThousandPlatformThreadsLeaveNothing() throws InterruptedException {
        guests(Thread.ofPlatform(), 1_000);
    }

    @Test
    void tenThousandVirtualThreadsLeaveNothing() throws InterruptedException {
        guests(Thread.ofVirtual(), 10_000);
    }

    /// All of them at once: each holds an object until every other does, and finds it as it was.
    @Test
    void tenThousandVirtualThreadsHoldTheirObjectsAtOnce() throws InterruptedException {
        int all = 10_000;
        long before = pool.memInfo().used();
        CountDownLatch holding = new CountDownLatch(all);
        CountDownLatch goOn = new CountDownLatch(1);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < all; i++) {
            int size = 8 + i % 1000;
            threads.add(Thread.ofVirtual().start(() -> hold(size, holding, goOn)));
        }
        holding.await();
        long held = pool.parts().slabs().stats().stream()
                .mapToLong(SlabCacheStats::activeObjects).sum();
        goOn.countDown();
        for (Thread t : threads) {
            t.join();
        }
        assertThat(failures).isEmpty();
        assertThat(held).isGreaterThanOrEqualTo(all);
        InternalCaches.giveUp(pool.parts().shrinkers());
        assertThat(pool.memInfo().used()).as("left by threads that ended").isEqualTo(before);
    }

    private void hold(int size, CountDownLatch holding, CountDownLatch goOn) {
        try {
            MemorySegment mine = pool.allocate(size, Gfp.KERNEL);
            mine.fill((byte) size);
            holding.countDown();
            goOn.await();
            assertThat(mine.get(JAVA_BYTE, 0)).isEqualTo((byte) size);
            assertThat(mine.get(JAVA_BYTE, size - 1)).isEqualTo((byte) size);
            pool.free(mine);
        } catch (Throwable t) {
            failures.add(t);
            holding.countDown();
        }
    }

    private void guests(Thread.Builder builder, int number) throws InterruptedException {
        // One round before, so that what a first use makes is there: slabs of the caches' own.
        visit(builder, AT_A_TIME, 0);
        work.freeAll();
        InternalCaches.giveUp(pool.parts().shrinkers());
        MemInfo before = pool.memInfo();
        visit(builder, number, 1);
        work.freeAll();
        assertThat(pool.memInfo().used()).as("kept in caches")
                .isLessThan(before.used() + pool.config().budget() / KEPT_SHARE);
        InternalCaches.giveUp(pool.parts().shrinkers());
        pool.verify();
        MemInfo after = pool.memInfo();
        assertThat(comparable(after)).isEqualTo(comparable(before));
        assertThat(after.resident()).isLessThanOrEqualTo(after.budget());
        assertThat(group.charged()).isZero();
        assertThat(pool.parts().slabs().sheafBytes()).as("room of sheaves")
                .isLessThanOrEqualTo(pool.config().budget() / 16);
    }

    private void visit(Thread.Builder builder, int number, long seed)
            throws InterruptedException {
        for (int from = 0; from < number; from += AT_A_TIME) {
            List<Thread> now = new ArrayList<>();
            for (int i = 0; i < AT_A_TIME; i++) {
                SplittableRandom random = new SplittableRandom(seed << 32 | from + i);
                now.add(builder.start(() -> guest(random)));
            }
            for (Thread t : now) {
                t.join();
            }
        }
        assertThat(failures).isEmpty();
    }

    private void guest(SplittableRandom random) {
        try (MemallocScope _ = MemallocScope.noFs("a guest's work"); var _ = group.enter()) {
            for (int i = 0; i < STEPS; i++) {
                work.step(random);
            }
        } catch (Throwable t) {
            failures.add(t);
        }
    }

    /// What was committed stays so, and groups remember their peaks: all else must be as it was.
    private static MemInfo comparable(MemInfo m) {
        return new MemInfo(m.name(), m.mode(), m.budget(), m.total(), m.free(), m.listed(), m.min(),
                m.low(), m.high(), m.slab(), m.slabReclaimable(), m.vmalloc(), m.vmallocLazy(),
                m.pageTables(), 0, 0, m.heapTables(), m.mappingsUsed(), m.mappingsLimit(),
                List.of());
    }
}
