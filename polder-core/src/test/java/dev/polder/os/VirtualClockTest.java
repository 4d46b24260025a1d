package dev.polder.os;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class VirtualClockTest {
    private final VirtualClock clock = new VirtualClock();

    @Test
    void aParkEndsWhenTheTimeReachesItsDeadlineAndNotBefore() throws InterruptedException {
        AtomicBoolean back = new AtomicBoolean();
        Thread t = Thread.ofPlatform().start(() -> {
            clock.park(this, 100);
            back.set(true);
        });
        clock.awaitParked(1);
        clock.advance(99);
        assertThat(clock.parkedThreads()).isEqualTo(1);
        assertThat(back).isFalse();
        clock.advance(1);
        t.join();
        assertThat(back).isTrue();
        assertThat(clock.nanos()).isEqualTo(100);
    }

    @Test
    void aReleasedThreadNoLongerCountsAsParked() throws InterruptedException {
        CountDownLatch between = new CountDownLatch(1);
        Thread t = Thread.ofPlatform().start(() -> {
            clock.park(this, 10);
            awaitQuietly(between);
            clock.park(this, 10);
        });
        clock.awaitParked(1);
        clock.advance(10);
        assertThat(clock.parkedThreads()).isZero();
        between.countDown();
        clock.awaitParked(1);
        assertThat(clock.parks()).isEqualTo(2);
        clock.advance(10);
        t.join();
    }

    @Test
    void aPermitGivenBeforeTheParkIsNotLost() {
        clock.unpark(Thread.currentThread());
        clock.park(this, 0);
        assertThat(clock.parks()).isZero();
    }

    @Test
    void unparkEndsAParkWithoutLimit() throws InterruptedException {
        Thread t = Thread.ofVirtual().start(() -> clock.park(this, 0));
        clock.awaitParked(1);
        clock.advance(Long.MAX_VALUE / 2);
        assertThat(clock.parkedThreads()).isEqualTo(1);
        clock.unpark(t);
        t.join();
    }

    @Test
    void anInterruptEndsTheParkAndKeepsItsFlag() throws InterruptedException {
        AtomicBoolean flag = new AtomicBoolean();
        Thread t = Thread.ofPlatform().start(() -> {
            clock.park(this, 0);
            flag.set(Thread.currentThread().isInterrupted());
            clock.park(this, 0);
        });
        clock.awaitParked(1);
        t.interrupt();
        t.join();
        assertThat(flag).isTrue();
        assertThat(clock.parkedThreads()).isZero();
    }

    @Test
    void timeRunsForwardOnlyAndDoesNotOverflow() {
        assertThatThrownBy(() -> clock.advance(-1)).isInstanceOf(IllegalArgumentException.class);
        clock.advance(Long.MAX_VALUE);
        clock.advance(5);
        assertThat(clock.nanos()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void aTickIsFourMilliseconds() {
        assertThat(Clock.TICK_NANOS).isEqualTo(TimeUnit.MILLISECONDS.toNanos(4));
        assertThat(Clock.TICK_NANOS * Clock.HZ).isEqualTo(TimeUnit.SECONDS.toNanos(1));
    }

    @Test
    void theSystemClockParksAndKeepsPermits() throws InterruptedException {
        Clock system = Clock.system();
        system.unpark(Thread.currentThread());
        system.park(this, 0);
        long before = system.nanos();
        assertThat(system.nanos() - before).isNotNegative();
        CountDownLatch started = new CountDownLatch(1);
        Thread t = Thread.ofPlatform().start(() -> {
            started.countDown();
            system.park(this, 0);
        });
        started.await();
        system.unpark(t);
        t.join();
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
