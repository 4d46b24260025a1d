package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.task.Task;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.concurrent.locks.StampedLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@SuppressWarnings("LockNotBeforeTry") // locks are the subject here
@ExtendWith(CleanScopes.class)
class GuardedReadWriteLockTest {
    private final ReclaimDomain domain = ReclaimDomain.of("index");
    private final ReentrantReadWriteLock pair = new ReentrantReadWriteLock();
    private final ReadWriteLock guard = domain.guard(pair, "tree latch");

    private boolean excluded() {
        return Task.current().excludes(domain);
    }

    @Test
    void eitherSideExcludes() {
        guard.readLock().lock();
        assertThat(excluded()).isTrue();
        guard.readLock().unlock();
        assertThat(excluded()).isFalse();
        guard.writeLock().lock();
        assertThat(excluded()).isTrue();
        assertThat(pair.isWriteLockedByCurrentThread()).isTrue();
        guard.writeLock().unlock();
        assertThat(excluded()).isFalse();
    }

    @Test
    void theSidesAreAlwaysTheSameLocks() {
        assertThat(guard.readLock()).isSameAs(guard.readLock());
        assertThat(guard.writeLock()).isSameAs(guard.writeLock());
    }

    @Test
    void downgradingStaysExcluded() {
        guard.writeLock().lock();
        guard.readLock().lock();
        guard.writeLock().unlock();
        assertThat(excluded()).isTrue();
        guard.readLock().unlock();
        assertThat(excluded()).isFalse();
    }

    @Test
    void eachSideKnowsTheOther() {
        assertThat(ReclaimDomain.heldByCurrentThread(guard.readLock())).isFalse();
        guard.writeLock().lock();
        assertThat(ReclaimDomain.heldByCurrentThread(guard.readLock())).isTrue();
        guard.writeLock().unlock();
        guard.readLock().lock();
        assertThat(ReclaimDomain.heldByCurrentThread(guard.writeLock())).isTrue();
        guard.readLock().unlock();
    }

    @Test
    void holdsTakenWithoutTheGuardAreSeen() {
        pair.readLock().lock();
        assertThat(ReclaimDomain.heldByCurrentThread(guard.readLock())).isTrue();
        pair.readLock().unlock();
        pair.writeLock().lock();
        assertThat(ReclaimDomain.heldByCurrentThread(guard.readLock())).isTrue();
        pair.writeLock().unlock();
        assertThat(ReclaimDomain.heldByCurrentThread(guard.writeLock())).isFalse();
    }

    @Test
    void pairsOfOtherKindsWork() {
        ReadWriteLock stamped = domain.guard(new StampedLock().asReadWriteLock(), "stamped");
        stamped.writeLock().lock();
        assertThat(ReclaimDomain.heldByCurrentThread(stamped.readLock())).isTrue();
        assertThat(stamped.readLock().tryLock()).isFalse();
        assertThat(excluded()).isTrue();
        stamped.writeLock().unlock();
        assertThat(excluded()).isFalse();
        assertThatThrownBy(() -> stamped.readLock().newCondition())
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void readersOnManyThreadsAreEachExcluded() throws Exception {
        guard.readLock().lock();
        try {
            assertThat(Threads.on(() -> {
                guard.readLock().lock();
                boolean inside = excluded();
                guard.readLock().unlock();
                return inside && !excluded();
            })).isTrue();
            assertThat(excluded()).isTrue();
        } finally {
            guard.readLock().unlock();
        }
    }
}
