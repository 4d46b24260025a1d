package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.shrink.InternalReclaimer;
import dev.polder.stat.VmStat.Item;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Polder's own caches are cut to what is worth keeping although there is enough free memory.
final class KswapdTrimTest {
    private final FakePool pool = new FakePool();
    private final Hoard hoard = new Hoard();

    @AfterEach
    void close() {
        pool.close();
    }

    /// Keeps up to 100 frames gladly.
    private static final class Hoard implements InternalReclaimer {
        final AtomicLong frames = new AtomicLong();

        @Override
        public Phase phase() {
            return Phase.BEFORE_CONSUMERS;
        }

        @Override
        public String name() {
            return "hoard";
        }

        @Override
        public long reclaimableFrames() {
            return frames.get();
        }

        @Override
        public long excessFrames() {
            return Math.max(0, frames.get() - 100);
        }

        @Override
        public long reclaim(long wantFrames) {
            frames.addAndGet(-wantFrames);
            return wantFrames;
        }
    }

    @Test
    void trimTakesTheExcessAndNoMoreAndNoConsumerIsAsked() {
        FakePool.Cache cache = pool.cache("cache", 100_000);
        pool.registry.addInternal(hoard);
        pool.free.set(FakePool.HIGH + 1_000);
        pool.kswapd.start();
        FakePool.await(pool.kswapd::idle);
        hoard.frames.set(150);
        pool.kswapd.wake(0);
        FakePool.await(pool.kswapd::idle);
        assertThat(hoard.frames).as("enough is free: a wake changes nothing").hasValue(150);
        pool.kswapd.trim();
        FakePool.await(() -> hoard.frames.get() == 100 && pool.kswapd.idle());
        assertThat(cache.handle.calls()).isZero();
        assertThat(pool.kswapd.runs()).as("not a balance run").isZero();
        assertThat(pool.stat.get(Item.KSWAPD_THROWS)).isZero();
    }
}
