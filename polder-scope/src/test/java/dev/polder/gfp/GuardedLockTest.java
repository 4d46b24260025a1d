package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.task.Task;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.StampedLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@SuppressWarnings("LockNotBeforeTry") // locks are the subject here
@ExtendWith(CleanScopes.class)
class GuardedLockTest {
    private static final ScopeSite SITE = ScopeSite.of("tree lock");

    private final ReclaimDomain domain = ReclaimDomain.of("index");
    private final ReclaimDomain other = ReclaimDomain.of("texts");
    private final ReentrantLock lock = new ReentrantLock();
    private final Lock guard = domain.guard(lock, SITE);

    private boolean excluded() {
        return Task.current().excludes(domain);
    }

    @Test
    void holdingExcludesTheDomainAndNoOther() {
        guard.lock();
        try {
            assertThat(lock.isHeldByCurrentThread()).isTrue();
            assertThat(excluded()).isTrue();
            assertThat(Task.current().excludes(other)).isFalse();
            assertThat(Memalloc.effective(Gfp.KERNEL)).isEqualTo(Gfp.KERNEL);
            assertThat(Task.current().describeScopes())
                    .isEqualTo("domain 'index' excluded by " + SITE);
            assertThat(Task.current().innermostSite()).isSameAs(SITE);
        } finally {
            guard.unlock();
        }
        assertThat(excluded()).isFalse();
        assertThat(lock.isLocked()).isFalse();
    }

    @Test
    void theInnermostIsTheOneEnteredLast() {
        ScopeSite scopeSite = ScopeSite.of("scope");
        guard.lock();
        try (MemallocScope scope = MemallocScope.noFs(scopeSite)) {
            assertThat(Task.current().innermostSite()).isSameAs(scopeSite);
        }
        assertThat(Task.current().innermostSite()).isSameAs(SITE);
        guard.unlock();
        MemallocScope scope = MemallocScope.noFs(scopeSite);
        guard.lock();
        assertThat(Task.current().innermostSite()).isSameAs(SITE);
        guard.unlock();
        scope.close();
    }

    @Test
    void reentrantHoldsAreCounted() {
        guard.lock();
        guard.lock();
        assertThat(guard.tryLock()).isTrue();
        guard.unlock();
        guard.unlock();
        assertThat(excluded()).isTrue();
        guard.unlock();
        assertThat(excluded()).isFalse();
    }

    @Test
    void locksMayBeReleasedInAnyOrder() {
        Lock second = domain.guard(new ReentrantLock(), SITE);
        Lock foreign = other.guard(new ReentrantLock(), "of the other store");
        guard.lock();
        foreign.lock();
        second.lock();
        guard.unlock();
        assertThat(excluded()).isTrue();
        assertThat(Task.current().excludes(other)).isTrue();
        second.unlock();
        assertThat(excluded()).isFalse();
        assertThat(Task.current().excludes(other)).isTrue();
        foreign.unlock();
        assertThat(Task.current().excludesAny()).isFalse();
    }

    @Test
    void handOverHandKeepsTheDomainExcludedAllTheWay() {
        Lock[] nodes = new Lock[50];
        for (int i = 0; i < nodes.length; i++) {
            nodes[i] = domain.guard(new ReentrantLock(), SITE);
        }
        nodes[0].lock();
        for (int i = 1; i < nodes.length; i++) {
            nodes[i].lock();
            nodes[i - 1].unlock();
            assertThat(excluded()).isTrue();
        }
        nodes[nodes.length - 1].unlock();
        assertThat(excluded()).isFalse();
    }

    @Test
    void aScopeMayCloseUnderALockThatIsStillHeld() {
        MemallocScope scope = MemallocScope.excluding(domain, SITE);
        guard.lock();
        scope.close();
        assertThat(excluded()).isTrue();
        guard.unlock();
        assertThat(excluded()).isFalse();
    }

    @Test
    void failedAttemptsExcludeNothing() throws Exception {
        lock.lock();
        try {
            assertThat(Threads.on(() -> {
                assertThat(guard.tryLock()).isFalse();
                assertThat(excluded()).isFalse();
                assertThat(guard.tryLock(1, TimeUnit.MILLISECONDS)).isFalse();
                assertThat(excluded()).isFalse();
                Thread.currentThread().interrupt();
                assertThatThrownBy(guard::lockInterruptibly)
                        .isInstanceOf(InterruptedException.class);
                assertThat(excluded()).isFalse();
                Thread.currentThread().interrupt();
                assertThatThrownBy(() -> guard.tryLock(1, TimeUnit.HOURS))
                        .isInstanceOf(InterruptedException.class);
                assertThat(Task.current().excludesAny()).isFalse();
                return true;
            })).isTrue();
        } finally {
            lock.unlock();
        }
    }

    @Test
    void successfulAttemptsOfEveryFormExclude() throws Exception {
        assertThat(guard.tryLock()).isTrue();
        assertThat(excluded()).isTrue();
        guard.unlock();
        assertThat(guard.tryLock(1, TimeUnit.SECONDS)).isTrue();
        assertThat(excluded()).isTrue();
        guard.unlock();
        guard.lockInterruptibly();
        assertThat(excluded()).isTrue();
        guard.unlock();
        assertThat(excluded()).isFalse();
    }

    @Test
    void aLockThatThrowsExcludesNothing() {
        ReentrantLock broken = new ReentrantLock() {
            private static final long serialVersionUID = 1L;

            @Override
            public void lock() {
                throw new IllegalStateException("broken");
            }
        };
        Lock guarded = domain.guard(broken, SITE);
        assertThatThrownBy(guarded::lock).hasMessage("broken");
        assertThat(excluded()).isFalse();
    }

    @Test
    void theExclusionIsInForceBeforeTheLockIs() throws Exception {
        AtomicBoolean atAcquire = new AtomicBoolean();
        AtomicBoolean atRelease = new AtomicBoolean();
        ReentrantLock watched = new ReentrantLock() {
            private static final long serialVersionUID = 1L;

            @Override
            public void lock() {
                atAcquire.set(excluded());
                super.lock();
            }

            @Override
            public void unlock() {
                super.unlock();
                atRelease.set(excluded());
            }
        };
        Lock guarded = domain.guard(watched, SITE);
        guarded.lock();
        guarded.unlock();
        assertThat(atAcquire).isTrue();
        assertThat(atRelease).isTrue();
        assertThat(excluded()).isFalse();
    }

    @Test
    void unlockingWhatIsNotHeldIsRefused() throws Exception {
        assertThatThrownBy(guard::unlock)
                .isInstanceOf(IllegalMonitorStateException.class)
                .hasMessageContaining("index").hasMessageContaining("tree lock");
        StampedLock stamped = new StampedLock(); // a lock that any thread may release
        Lock guarded = domain.guard(stamped.asWriteLock(), SITE);
        guarded.lock();
        Threads.on(() -> {
            assertThatThrownBy(guarded::unlock).isInstanceOf(IllegalMonitorStateException.class);
            return true;
        });
        assertThat(stamped.isWriteLocked()).as("the lock was not touched").isTrue();
        guarded.unlock();
        assertThat(stamped.isWriteLocked()).isFalse();
    }

    @Test
    void guardsOfGuardsExcludeBothDomains() {
        Lock both = other.guard(guard, "both");
        both.lock();
        assertThat(excluded()).isTrue();
        assertThat(Task.current().excludes(other)).isTrue();
        assertThat(ReclaimDomain.heldByCurrentThread(guard)).isTrue();
        both.unlock();
        assertThat(Task.current().excludesAny()).isFalse();
    }

    @ParameterizedTest
    @MethodSource("dev.polder.gfp.Threads#kinds")
    void otherThreadsAreNotAffected(boolean virtual) throws Exception {
        guard.lock();
        try {
            assertThat(Threads.on(virtual, this::excluded)).isFalse();
        } finally {
            guard.unlock();
        }
    }

    /// Random locking and unlocking of guards of two domains, against counters.
    @Test
    void anyOrderAgreesWithCounting() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        ReclaimDomain[] domains = {domain, other};
        Lock[] guards = new Lock[6];
        int[] holds = new int[guards.length];
        for (int i = 0; i < guards.length; i++) {
            guards[i] = domains[i % 2].guard(new ReentrantLock(), SITE);
        }
        for (int step = 0; step < 10_000; step++) {
            int i = random.nextInt(guards.length);
            if (holds[i] < 3 && random.nextBoolean()) {
                guards[i].lock();
                holds[i]++;
            } else if (holds[i] > 0) {
                guards[i].unlock();
                holds[i]--;
            }
            assertThat(Task.current().excludes(domain)).as("seed %d step %d", seed, step)
                    .isEqualTo(holds[0] + holds[2] + holds[4] > 0);
            assertThat(Task.current().excludes(other)).as("seed %d step %d", seed, step)
                    .isEqualTo(holds[1] + holds[3] + holds[5] > 0);
        }
        for (int i = 0; i < guards.length; i++) {
            while (holds[i]-- > 0) {
                guards[i].unlock();
            }
        }
        assertThat(Task.current().excludesAny()).isFalse();
    }

    /// Many threads on one guarded lock: each is excluded exactly while it holds it.
    @Test
    void contendedLocksExcludeTheHolderOnly() throws Exception {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        CyclicBarrier start = new CyclicBarrier(4);
        CountDownLatch done = new CountDownLatch(4);
        for (int t = 0; t < 4; t++) {
            Threads.make(false, () -> {
                try {
                    start.await();
                    for (int i = 0; i < 5_000; i++) {
                        guard.lock();
                        boolean inside = excluded();
                        guard.unlock();
                        if (!inside || excluded()) {
                            throw new AssertionError("inside " + inside);
                        }
                    }
                } catch (Throwable thrown) {
                    failure.set(thrown);
                } finally {
                    done.countDown();
                }
            }).start();
        }
        assertThat(done.await(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(failure.get()).isNull();
    }
}
