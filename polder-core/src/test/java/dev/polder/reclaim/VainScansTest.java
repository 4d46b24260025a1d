package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.reclaim.FakePool.Cache;
import dev.polder.stat.VmStat.Item;
import dev.polder.testkit.Row;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A consumer that counts a million times what the pool has, and gives nothing, ends each of its
/// turns after a bounded number of calls; the one behind it is asked.
@Timeout(60)
final class VainScansTest {
    private static final long LIE = 1L << 40;
    private static final int PRIORITIES = 13;
    /// Scans without a frame that end a turn.
    private static final int VAIN = 1024;

    private final FakePool pool = new FakePool();

    @AfterEach
    void close() {
        pool.close();
    }

    /// Ends the wait of a reclaim that got nothing.
    private long reclaimed() throws Exception {
        pool.free.set(FakePool.LOW);
        Reclaimer<Long> r = Reclaimer.start(() -> pool.vmscan.tryToFreePages(0, Gfp.KERNEL));
        pool.clock.awaitParked(1);
        pool.clock.advance(ReclaimThrottle.Reason.NOPROGRESS.limitNanos());
        return r.join();
    }

    @Test
    void aLiarsTurnsAreBounded() throws Exception {
        Cache liar = pool.cache("liar", LIE);
        liar.scan = _ -> 0;
        assertThat(reclaimed()).isZero();
        assertThat(liar.scans).hasSize(PRIORITIES * VAIN);
        assertThat(pool.stat.get(Item.SHRINK_VAIN)).isEqualTo(PRIORITIES);
        assertThat(liar.handle.deferred()).as("the rest is left for later").isPositive();
    }

    @Test
    @Row("F8")
    void whoIsBehindALiarIsAsked() {
        Cache liar = pool.cache("liar", LIE);
        liar.scan = _ -> 0;
        Cache honest = pool.cache("honest", 1_000_000);
        pool.free.set(FakePool.LOW);
        assertThat(pool.vmscan.tryToFreePages(0, Gfp.KERNEL)).isPositive();
        assertThat(liar.scans).hasSize(VAIN);
        assertThat(honest.scans).isNotEmpty();
    }

    /// A frame now and then is progress, and the turn goes on to the end of the share (row F5).
    @Test
    @Row("F5")
    void aCacheWhosePagesEmptySeldomHasItsWholeTurn() {
        Cache scattered = pool.cache("scattered", 1L << 30);
        AtomicLong calls = new AtomicLong();
        scattered.scan = sc -> calls.incrementAndGet() % (VAIN - 1) == 0 ? scattered.free(1) : 0;
        pool.free.set(FakePool.LOW);
        pool.vmscan.tryToFreePages(0, Gfp.KERNEL);
        long share = (1L << 30 >> 12) * 4 / 2;
        assertThat(calls.get()).isGreaterThanOrEqualTo(share / 128);
        assertThat(pool.stat.get(Item.SHRINK_VAIN)).isZero();
    }
}
