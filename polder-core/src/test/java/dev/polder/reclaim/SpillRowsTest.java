package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.os.Clock;
import dev.polder.reclaim.FakePool.Cache;
import dev.polder.reclaim.SpillCache.State;
import dev.polder.testkit.Row;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Rows about memory that must be written before it can go, on a consumer that spills, and about
/// consumers among each other; reclaim is the real one.
final class SpillRowsTest {

    private final FakePool pool = new FakePool();

    @AfterEach
    void close() {
        pool.close();
    }

    /// A direct reclaim under a mask; its throttle sleeps are let pass.
    private void reclaim(int gfp) throws Exception {
        pool.free.set(FakePool.MIN);
        Reclaimer<Long> r = Reclaimer.start(() -> pool.vmscan.tryToFreePages(0, gfp));
        FakePool.await(() -> {
            pool.clock.advance(Clock.TICK_NANOS / 4);
            return r.done();
        });
        r.join();
    }

    private SpillCache spill(boolean fileBacked, State state) {
        SpillCache spill = new SpillCache(pool, fileBacked);
        spill.add(state, 30);
        return spill;
    }

    @Test
    @Row({"E2", "E6"})
    void whatHasAPlaceInADeviceGoesUnderNofsButNotUnderNoio() throws Exception {
        SpillCache spill = spill(false, State.SLOT);
        reclaim(Gfp.NOIO);
        assertThat(spill.pages).noneMatch(p -> p.written);
        reclaim(Gfp.NOFS);
        assertThat(spill.pages).anyMatch(p -> p.written).allMatch(p -> p.written == p.freed);
    }

    @Test
    @Row({"E2", "E6"})
    void whatHasAPlaceInAStoresFileNeedsFs() throws Exception {
        SpillCache spill = spill(true, State.SLOT);
        reclaim(Gfp.NOFS);
        reclaim(Gfp.KERNEL & ~Gfp.FS);
        assertThat(spill.pages).noneMatch(p -> p.written || p.freed);
        reclaim(Gfp.KERNEL);
        assertThat(spill.pages).anyMatch(p -> p.written);
    }

    @Test
    @Row("E3")
    void whatHasNoPlaceYetIsLeftAloneWithoutIo() throws Exception {
        SpillCache spill = spill(false, State.NO_SLOT);
        reclaim(Gfp.NOIO);
        reclaim(Gfp.KERNEL & ~Gfp.IO);
        assertThat(spill.pages).noneMatch(p -> p.written || p.freed);
        reclaim(Gfp.KERNEL);
        assertThat(spill.pages).anyMatch(p -> p.written && p.freed);
    }

    @Test
    @Row("E7")
    void whatIsBeingWrittenIsMarkedAndPassedOverUnderEveryMask() throws Exception {
        for (int gfp : new int[] {Gfp.NOIO, Gfp.NOFS, Gfp.KERNEL}) {
            try (FakePool other = new FakePool()) {
                SpillCache spill = new SpillCache(other, false);
                spill.add(State.WRITEBACK, 10);
                Reclaimer<Long> r =
                        Reclaimer.start(() -> other.vmscan.tryToFreePages(0, gfp));
                FakePool.await(() -> {
                    other.clock.advance(Clock.TICK_NANOS);
                    return r.done();
                });
                assertThat(r.join()).isZero();
                assertThat(spill.pages).allMatch(p -> p.marked && !p.freed);
            }
        }
    }

    @Test
    @Row({"E15", "E4"})
    void withoutIoWhatNeedsNoneIsChosenFirst() throws Exception {
        SpillCache spill = new SpillCache(pool, false);
        spill.add(State.NO_SLOT, 40);
        spill.add(State.CLEAN, 40);
        reclaim(Gfp.NOIO);
        assertThat(spill.chosen).startsWith(State.CLEAN);
        assertThat(spill.of(State.CLEAN)).filteredOn(p -> p.freed).hasSizeGreaterThanOrEqualTo(32);
        assertThat(spill.of(State.NO_SLOT)).noneMatch(p -> p.freed);
    }

    @Test
    @Row("F11")
    void whoIgnoresTheMaskIsAskedUnderEveryMask() throws Exception {
        Cache ignorant = pool.cache("ignorant", 10_000);
        for (int gfp : new int[] {Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO}) {
            ignorant.scans.clear();
            reclaim(gfp);
            assertThat(ignorant.scans).isNotEmpty().allMatch(call -> call.gfp() == gfp);
        }
    }

    /// The kernel's one shrinker of a file system splits its scan over three caches; here each
    /// cache has a shrinker, and the common priority does the splitting.
    @Test
    @Row("F10")
    void cachesOfOneOwnerGiveInProportionInTheOrderOfRegistration() throws Exception {
        Cache pinning = pool.cache("pinning", 800_000);
        Cache pinned = pool.cache("pinned", 3_200_000);
        reclaim(Gfp.KERNEL);
        assertThat(pinning.handle.freedFrames()).isPositive();
        assertThat((double) pinned.handle.freedFrames() / pinning.handle.freedFrames())
                .isBetween(3.0, 5.0);
    }
}
