package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@SuppressWarnings({"LockNotBeforeTry", "WaitNotInLoop", "JavaUtilDate"}) // waits are the subject
@ExtendWith(CleanScopes.class)
class GuardedConditionTest {
    private final ReclaimDomain domain = ReclaimDomain.of("index");

    /// Conditions whose waits return at once and remember whether the domain was excluded.
    private final List<Boolean> excludedWhileWaiting = new ArrayList<>();

    private final class Probe extends ReentrantLock {
        private static final long serialVersionUID = 1L;

        @Override
        public Condition newCondition() {
            return new Condition() {
                private void look() {
                    if (!isHeldByCurrentThread()) {
                        throw new IllegalMonitorStateException();
                    }
                    excludedWhileWaiting.add(Task.current().excludes(domain));
                }

                @Override
                public void await() {
                    look();
                }

                @Override
                public void awaitUninterruptibly() {
                    look();
                }

                @Override
                public long awaitNanos(long nanos) {
                    look();
                    return nanos - 1;
                }

                @Override
                public boolean await(long time, TimeUnit unit) throws InterruptedException {
                    look();
                    throw new InterruptedException("as if");
                }

                @Override
                public boolean awaitUntil(Date deadline) {
                    look();
                    return true;
                }

                @Override
                public void signal() {
                    look();
                }

                @Override
                public void signalAll() {
                    look();
                }
            };
        }
    }

    @Test
    void everyWaitLeavesTheExclusionAndEntersItAgain() throws Exception {
        Lock guard = domain.guard(new Probe(), "probe");
        Condition condition = guard.newCondition();
        guard.lock();
        guard.lock();
        condition.await();
        condition.awaitUninterruptibly();
        assertThat(condition.awaitNanos(7)).isEqualTo(6);
        assertThatThrownBy(() -> condition.await(1, TimeUnit.SECONDS))
                .isInstanceOf(InterruptedException.class);
        assertThat(condition.awaitUntil(new Date())).isTrue();
        assertThat(excludedWhileWaiting).hasSize(5).containsOnly(false);
        assertThat(Task.current().excludes(domain)).isTrue();
        excludedWhileWaiting.clear();
        condition.signal();
        condition.signalAll();
        assertThat(excludedWhileWaiting).hasSize(2).containsOnly(true);
        guard.unlock();
        assertThat(Task.current().excludes(domain)).as("held twice").isTrue();
        guard.unlock();
        assertThat(Task.current().excludes(domain)).isFalse();
    }

    @Test
    void otherLocksStayExcludedDuringAWait() throws Exception {
        Lock guard = domain.guard(new Probe(), "probe");
        Lock outer = domain.guard(new ReentrantLock(), "outer");
        outer.lock();
        guard.lock();
        guard.newCondition().await();
        assertThat(excludedWhileWaiting).containsExactly(true);
        guard.unlock();
        outer.unlock();
    }

    @Test
    void aWaitWithoutTheLockChangesNothing() {
        Lock guard = domain.guard(new ReentrantLock(), "plain");
        Condition condition = guard.newCondition();
        assertThatThrownBy(condition::await).isInstanceOf(IllegalMonitorStateException.class);
        assertThat(Task.current().excludesAny()).isFalse();
    }

    @ParameterizedTest
    @MethodSource("dev.polder.gfp.Threads#kinds")
    void aRealHandshakeWorks(boolean virtual) throws Exception {
        ReentrantLock lock = new ReentrantLock();
        Lock guard = domain.guard(lock, "handshake");
        Condition turned = guard.newCondition();
        int[] turn = {0};
        Thread partner = Threads.make(virtual, () -> play(guard, turned, turn, 1));
        partner.start();
        play(guard, turned, turn, 0);
        Threads.end(partner);
        assertThat(turn[0]).isEqualTo(200);
        assertThat(Task.current().excludesAny()).isFalse();
    }

    private void play(Lock guard, Condition turned, int[] turn, int mine) {
        guard.lock();
        try {
            while (turn[0] < 200) {
                if (turn[0] % 2 == mine) {
                    assertThat(Task.current().excludes(domain)).isTrue();
                    turn[0]++;
                    turned.signalAll();
                } else {
                    turned.awaitUninterruptibly();
                }
            }
        } finally {
            guard.unlock();
        }
    }
}
