package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.os.Clock;
import dev.polder.reclaim.FakePool.Cache;
import dev.polder.stat.VmStat.Item;
import dev.polder.testkit.Row;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// kswapd woken for a block of a higher order while memory is scattered: no amount of reclaim makes
/// neighbours of frames, so it must stop, and must not be sent again and again.
@Row("E12")
final class KswapdOrderTest {
    private static final int ORDER = 9;
    /// `compact_gap`: what the kernel's kswapd frees for an order before it gives the order up.
    private static final long COMPACT_GAP = 2L << ORDER;
    /// A pass asks for the high mark's worth, and a scan for a batch.
    private static final long PASS = FakePool.HIGH + 128;
    private static final long OBJECTS = 1_000_000;

    private final FakePool pool = new FakePool();
    private final Cache cache = pool.cache("cache", OBJECTS);

    @BeforeEach
    void start() {
        pool.free.set(FakePool.HIGH + 1);
        pool.scatteredFrom = 1;
        pool.kswapd.start();
        awaitRest();
    }

    @AfterEach
    void close() {
        pool.close();
    }

    private void awaitRest() {
        FakePool.await(pool.kswapd::idle);
    }

    private void wakeAndRest(int order) {
        pool.kswapd.wake(order);
        awaitRest();
    }

    private long freed() {
        return OBJECTS - cache.objects.get();
    }

    @Test
    void scatteredMemoryIsReclaimedForOnceAndWithinABound() {
        wakeAndRest(ORDER);
        assertThat(freed()).isBetween(COMPACT_GAP, COMPACT_GAP + PASS);
        assertThat(pool.kswapd.runs()).isEqualTo(1);
        assertThat(pool.zone.balanced(0)).isTrue();
    }

    @Test
    void whoAsksOverAndOverIsListenedToEverMoreSeldom() {
        int wakes = 1000;
        for (int i = 0; i < wakes; i++) {
            wakeAndRest(ORDER);
        }
        // After 1 + 2 + 4 + … + 64 wakes one in 64 is tried.
        long tries = 7L + wakes / 64;
        assertThat(pool.kswapd.runs()).isBetween(10L, tries);
        assertThat(freed()).isLessThanOrEqualTo(tries * (COMPACT_GAP + PASS));
        assertThat(pool.stat.get(Item.KSWAPD_ORDER_DEFERRED))
                .isEqualTo(wakes - pool.kswapd.runs());
    }

    @Test
    void aDeferredOrderStillWakesItForSingleFrames() {
        wakeAndRest(ORDER);
        pool.free.set(FakePool.LOW - 1);
        wakeAndRest(ORDER);
        assertThat(pool.free.get()).isGreaterThan(FakePool.HIGH);
        assertThat(pool.kswapd.runs()).isEqualTo(2);
    }

    @Test
    void smallerOrdersThanTheOneGivenUpAreTriedAtOnce() {
        pool.scatteredFrom = ORDER;
        wakeAndRest(ORDER);
        long before = freed();
        pool.scatteredFrom = 3;
        wakeAndRest(3);
        assertThat(freed() - before).isBetween(2L << 3, COMPACT_GAP - 1);
    }

    @Test
    void aBlockThatIsThereAgainEndsTheDeferral() {
        for (int i = 0; i < 20; i++) {
            wakeAndRest(ORDER);
        }
        long runs = pool.kswapd.runs();
        pool.scatteredFrom = Integer.MAX_VALUE;
        wakeAndRest(ORDER);
        assertThat(pool.kswapd.runs()).as("balanced").isEqualTo(runs);
        pool.scatteredFrom = 1;
        wakeAndRest(ORDER);
        assertThat(pool.kswapd.runs()).isEqualTo(runs + 1);
    }

    @Test
    void anOrderThatCannotBeHadDoesNotMakeKswapdHopelessForSingleFrames() {
        cache.objects.set(0);
        for (int i = 0; i < 100 * Vmscan.MAX_RECLAIM_RETRIES; i++) {
            wakeAndRest(ORDER);
            pool.clock.advance(Clock.TICK_NANOS);
        }
        assertThat(pool.kswapd.runs()).isGreaterThan(Vmscan.MAX_RECLAIM_RETRIES);
        assertThat(pool.kswapd.hopeless()).isFalse();
        cache.objects.set(1000);
        pool.free.set(0);
        wakeAndRest(0);
        assertThat(pool.free.get()).isGreaterThan(FakePool.HIGH);
    }
}
