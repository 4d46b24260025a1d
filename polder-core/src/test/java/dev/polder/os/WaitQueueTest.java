package dev.polder.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class WaitQueueTest {
    private final VirtualClock clock = new VirtualClock();
    private final WaitQueue queue = new WaitQueue(clock);

    @Test
    void aWakeUpBetweenSequenceAndAwaitIsNotLost() {
        long seq = queue.sequence();
        queue.wakeAll();
        assertThat(queue.await(seq, 0)).isTrue();
        seq = queue.sequence();
        queue.wakeOne();
        assertThat(queue.await(seq, 0)).isTrue();
        assertThat(clock.parks()).isZero();
        assertThat(queue.waiters()).isZero();
    }

    @Test
    void aWakeUpBeforeTheSequenceWasReadDoesNotCount() throws InterruptedException {
        queue.wakeAll();
        AtomicBoolean woken = new AtomicBoolean(true);
        Thread t = waiter(100, woken);
        clock.awaitParked(1);
        clock.advance(100);
        t.join();
        assertThat(woken).isFalse();
        assertThat(queue.waiters()).isZero();
    }

    @Test
    void wakeAllEndsEveryWait() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        List<AtomicBoolean> woken = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            woken.add(new AtomicBoolean());
            threads.add(waiter(0, woken.getLast()));
        }
        clock.awaitParked(5);
        assertThat(queue.waiters()).isEqualTo(5);
        queue.wakeAll();
        for (Thread t : threads) {
            t.join();
        }
        assertThat(woken).allMatch(AtomicBoolean::get);
        assertThat(queue.waiters()).isZero();
    }

    @Test
    void wakeOneTakesTheLongestWaiter() throws InterruptedException {
        List<Integer> order = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            int me = i;
            threads.add(Thread.ofPlatform().start(() -> {
                queue.await(queue.sequence(), 0);
                order.add(me);
            }));
            clock.awaitParked(i + 1);
        }
        for (int i = 0; i < 3; i++) {
            queue.wakeOne();
            threads.get(i).join();
        }
        assertThat(order).containsExactly(0, 1, 2);
    }

    @Test
    void aTimedOutWaiterLeavesTheQueueAndTheOthersStay() throws InterruptedException {
        AtomicBoolean first = new AtomicBoolean(true);
        AtomicBoolean second = new AtomicBoolean();
        Thread a = waiter(50, first);
        clock.awaitParked(1);
        Thread b = waiter(0, second);
        clock.awaitParked(2);
        clock.advance(50);
        a.join();
        assertThat(first).isFalse();
        assertThat(queue.waiters()).isEqualTo(1);
        queue.wakeOne();
        b.join();
        assertThat(second).isTrue();
    }

    @Test
    void anInterruptEndsTheWaitAndStaysSet() throws InterruptedException {
        AtomicBoolean flag = new AtomicBoolean();
        AtomicBoolean woken = new AtomicBoolean(true);
        Thread t = Thread.ofPlatform().start(() -> {
            woken.set(queue.await(queue.sequence(), 0));
            flag.set(Thread.currentThread().isInterrupted());
        });
        clock.awaitParked(1);
        t.interrupt();
        t.join();
        assertThat(woken).isFalse();
        assertThat(flag).isTrue();
        assertThat(queue.waiters()).isZero();
    }

    @Test
    void aParkThatEndsForNoReasonIsNoWakeUp() throws InterruptedException {
        AtomicBoolean woken = new AtomicBoolean();
        Thread t = waiter(0, woken);
        clock.awaitParked(1);
        clock.unpark(t);
        clock.awaitParked(1);
        assertThat(clock.parks()).isEqualTo(2);
        queue.wakeAll();
        t.join();
        assertThat(woken).isTrue();
    }

    /// Hands tokens back and forth without any time limit: one lost wake-up hangs the test.
    @Test
    void realThreadsNeverLoseAWakeUp() throws InterruptedException {
        int rounds = 20_000;
        WaitQueue q = new WaitQueue(Clock.system());
        AtomicInteger turn = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            int me = i;
            threads.add(Thread.ofPlatform().daemon().start(() -> {
                for (int r = 0; r < rounds; r++) {
                    while (true) {
                        long seq = q.sequence();
                        if (turn.get() % 3 == me) {
                            break;
                        }
                        q.await(seq, 0);
                    }
                    turn.incrementAndGet();
                    if (r % 2 == 0) {
                        q.wakeAll();
                    } else {
                        // Both others may wait: the one whose turn it is need not be the first.
                        q.wakeOne();
                        q.wakeOne();
                    }
                }
            }));
        }
        for (Thread t : threads) {
            t.join();
        }
        assertThat(turn).hasValue(3 * rounds);
        assertThat(q.waiters()).isZero();
    }

    private Thread waiter(long nanos, AtomicBoolean result) {
        return Thread.ofPlatform().start(() -> result.set(queue.await(queue.sequence(), nanos)));
    }
}
