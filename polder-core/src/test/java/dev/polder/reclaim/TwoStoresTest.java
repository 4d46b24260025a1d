package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.os.Clock;
import dev.polder.reclaim.FakePool.Cache;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.testkit.Row;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Two stores with a lock each, two writers that hold their own and reclaim: the deadlock that
/// domains would trade for the one they end, if shrinkers could wait.
final class TwoStoresTest {

    private static final ScopeSite WRITER = ScopeSite.of("writer's lock");

    private final FakePool pool = new FakePool();

    /// A store whose nodes can be evicted only under its lock.
    private final class Store {

        final ReclaimDomain domain;
        final ReentrantLock bare = new ReentrantLock();
        final Lock lock;
        final Cache nodes;
        final AtomicLong refused = new AtomicLong();
        final AtomicLong reentered = new AtomicLong();

        /// With `obedient` false its shrinker waits whatever it is told: the canary.
        Store(String name, boolean obedient) {
            domain = ReclaimDomain.of(name);
            lock = domain.guard(bare, WRITER);
            nodes = pool.cache(name, 1_000_000, domain);
            nodes.scan = obedient ? this::evict : this::evictWaiting;
        }

        long evict(ShrinkControl sc) {
            reentered.addAndGet(bare.isHeldByCurrentThread() ? 1 : 0);
            if (!Gfp.has(sc.gfp(), Gfp.FS)) {
                return Shrinker.STOP;
            }
            if (sc.mayWait()) {
                lock.lock();
            } else if (!sc.tryEnter(lock)) {
                refused.incrementAndGet();
                return Shrinker.STOP;
            }
            try {
                return nodes.give(sc);
            } finally {
                lock.unlock();
            }
        }

        long evictWaiting(ShrinkControl sc) {
            try {
                lock.lockInterruptibly();
            } catch (InterruptedException e) {
                return Shrinker.STOP;
            }
            try {
                return nodes.give(sc);
            } finally {
                lock.unlock();
            }
        }
    }

    @AfterEach
    void close() {
        pool.close();
    }

    /// Each round both hold their locks and reclaim; then both hold nothing and reclaim.
    private Reclaimer<Long> writer(Store own, CyclicBarrier together, int rounds) {
        return Reclaimer.start(() -> {
            long freed = 0;
            for (int i = 0; i < rounds; i++) {
                own.lock.lock();
                try {
                    together.await();
                    freed += pool.vmscan.tryToFreePages(0, Gfp.KERNEL);
                } finally {
                    own.lock.unlock();
                }
                together.await();
                freed += pool.vmscan.tryToFreePages(0, Gfp.KERNEL);
                together.await();
            }
            return freed;
        });
    }

    @Test
    void twoWritersThatReclaimIntoEachOtherFinish() throws Exception {
        pool.free.set(FakePool.MIN);
        Store a = new Store("a", true);
        Store b = new Store("b", true);
        pool.kswapd.start();
        CyclicBarrier together = new CyclicBarrier(2);
        Reclaimer<Long> first = writer(a, together, 100);
        Reclaimer<Long> second = writer(b, together, 100);
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS);
            return first.done() && second.done();
        });
        assertThat(first.join() + second.join()).isPositive();
        assertThat(a.refused.get() + b.refused.get()).as("they did meet").isPositive();
        assertThat(a.reentered.get() + b.reentered.get()).isZero();
        assertThat(pool.trouble).isEmpty();
    }

    /// The canary: the same program with shrinkers that wait deadlocks.
    @Test
    void withShrinkersThatWaitTheyDoNot() throws Exception {
        pool.free.set(FakePool.MIN);
        Store a = new Store("a", false);
        Store b = new Store("b", false);
        CyclicBarrier together = new CyclicBarrier(2);
        Reclaimer<Long> first = writer(a, together, 1);
        Reclaimer<Long> second = writer(b, together, 1);
        FakePool.await(() -> ManagementFactory.getThreadMXBean().findDeadlockedThreads() != null);
        assertThat(ManagementFactory.getThreadMXBean().findDeadlockedThreads())
                .containsExactlyInAnyOrder(first.thread.threadId(), second.thread.threadId());
        FakePool.await(() -> {
            first.thread.interrupt();
            pool.clock.advance(Clock.TICK_NANOS);
            return first.done();
        });
        FakePool.await(() -> {
            second.thread.interrupt();
            return second.done();
        });
    }

    /// Who holds A's lock cannot reclaim A, and under NOFS not B either; B is done behind kswapd.
    @Row({"B10", "F9"})
    @Test
    void theHolderOfOneLockIsServedFromTheOtherStoreBehindKswapd() throws Exception {
        Store a = new Store("a", true);
        Store b = new Store("b", true);
        pool.free.set(FakePool.MIN);
        pool.kswapd.start();
        FakePool.await(pool.kswapd::idle);
        Reclaimer<Long> holder = Reclaimer.start(() -> {
            a.lock.lock();
            try (MemallocScope _ = MemallocScope.noFs(WRITER)) {
                long own = 0;
                while (pool.free.get() <= FakePool.HIGH) {
                    pool.kswapd.wake(0);
                    own += pool.vmscan.tryToFreePages(0, Gfp.KERNEL);
                }
                return own;
            } finally {
                a.lock.unlock();
            }
        });
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS);
            return holder.done();
        });
        assertThat(holder.join()).as("by its own reclaim").isZero();
        assertThat(b.nodes.handle.freedFrames()).isPositive();
        assertThat(a.nodes.handle.freedFrames()).isZero();
        assertThat(a.nodes.handle.deferred()).isPositive();
    }
}
