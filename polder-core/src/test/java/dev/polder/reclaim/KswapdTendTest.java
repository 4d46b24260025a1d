package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.stat.VmStat.Item;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// kswapd tends the zone when it is told to, and then when the zone said, on the pool's clock.
final class KswapdTendTest {
    private static final long SECOND = 1_000_000_000L;

    private final FakePool pool = new FakePool();
    private final List<Long> tended = new CopyOnWriteArrayList<>();
    private final AtomicLong again = new AtomicLong();

    @AfterEach
    void close() {
        pool.close();
        assertThat(pool.stat.get(Item.KSWAPD_THROWS)).isZero();
    }

    private void start() {
        pool.free.set(FakePool.HIGH + 1_000);
        pool.tending = now -> {
            tended.add(now);
            return again.get();
        };
        pool.kswapd.start();
        FakePool.await(pool.kswapd::idle);
    }

    private void pass(long nanos) {
        pool.clock.awaitParked(1);
        pool.clock.advance(nanos);
        pool.clock.awaitParked(1);
    }

    @Test
    void itSleepsAsLongAsTheZoneSaid() {
        start();
        pass(10 * SECOND);
        assertThat(tended).as("nobody told it to").isEmpty();
        again.set(SECOND);
        pool.kswapd.tend();
        FakePool.await(() -> tended.size() == 1);
        pass(SECOND - 1);
        assertThat(tended).hasSize(1);
        pass(1);
        assertThat(tended).containsExactly(10 * SECOND, 11 * SECOND);
        again.set(0);
        pass(SECOND);
        assertThat(tended).hasSize(3);
        pass(100 * SECOND);
        assertThat(tended).as("zero: it will be told").hasSize(3);
    }

    @Test
    void wakesForOtherReasonsDoNotPutItOff() {
        start();
        again.set(SECOND);
        pool.kswapd.tend();
        FakePool.await(() -> tended.size() == 1);
        for (int i = 0; i < 10; i++) {
            pass(SECOND / 10);
            pool.kswapd.trim();
            FakePool.await(pool.kswapd::idle);
        }
        assertThat(tended).containsExactly(0L, SECOND);
    }

    @Test
    void anotherThreadGoesOnInPlaceOfOneThatIsStuck() {
        FakePool.Cache cache = pool.cache("cache", 100_000);
        AtomicLong release = new AtomicLong();
        start();
        again.set(SECOND);
        pool.kswapd.tend();
        FakePool.await(() -> tended.size() == 1);
        cache.scan = _ -> {
            FakePool.await(() -> release.get() != 0);
            return 0;
        };
        pool.free.set(FakePool.LOW);
        pool.kswapd.wake(0);
        FakePool.await(() -> !cache.scans.isEmpty());
        pool.clock.advance(Kswapd.STUCK_NANOS + 1);
        pool.kswapd.check();
        FakePool.await(() -> tended.size() == 2);
        release.set(1);
    }
}
