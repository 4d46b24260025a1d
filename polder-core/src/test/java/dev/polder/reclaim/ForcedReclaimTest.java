package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.reclaim.FakePool.Cache;
import dev.polder.shrink.InternalReclaimer;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Reclaim that is shown to the lock checker while memory is plenty: the same callbacks under the
/// same rules as direct reclaim, asked for next to nothing.
final class ForcedReclaimTest {

    private static final ScopeSite HANDLE = ScopeSite.of("journal handle");

    private final FakePool pool = new FakePool();
    private final List<Long> asked = new ArrayList<>();

    @AfterEach
    void leavesNoTrace() {
        FsReclaim.install(null);
        pool.close();
        assertThat(Task.current().flags()).isZero();
        assertThat(Task.current().inReclaim()).isFalse();
        assertThat(Thread.interrupted()).isFalse();
    }

    private Cache cache(@Nullable ReclaimDomain domain) {
        Cache cache = domain == null ? pool.cache("cache", 1000)
                : pool.cache("cache", 1000, domain);
        cache.scan = sc -> {
            asked.add(sc.toScan());
            return cache.give(sc);
        };
        return cache;
    }

    @Test
    void eachShrinkerIsAskedForNothingAndThenForOne() {
        Cache cache = cache(null);
        pool.vmscan.force(Gfp.KERNEL);
        assertThat(asked).containsExactly(0L, 1L);
        assertThat(cache.scans).allSatisfy(call -> {
            assertThat(call.gfp()).isEqualTo(Gfp.KERNEL);
            assertThat(call.mayWait()).isTrue();
            assertThat(call.background()).isFalse();
            assertThat(call.thread()).isSameAs(Thread.currentThread());
        });
        assertThat(cache.handle.deferred()).isZero();
        assertThat(pool.stat.get(Item.ALLOCSTALL)).isZero();
    }

    @Test
    void theMaskAndMayWaitAreThoseOfDirectReclaim() {
        Cache cache = cache(null);
        pool.vmscan.force(Gfp.NOFS);
        assertThat(cache.scans.getLast().gfp()).isEqualTo(Gfp.NOFS);
        assertThat(cache.scans.getLast().mayWait()).isFalse();
        try (MemallocScope _ = MemallocScope.excluding(ReclaimDomain.of("other"), HANDLE)) {
            pool.vmscan.force(Gfp.KERNEL);
        }
        assertThat(cache.scans.getLast().mayWait()).isFalse();
        cache.scans.clear();
        pool.vmscan.force(Gfp.ATOMIC);
        assertThat(cache.scans).as("a mask that may not reclaim").isEmpty();
    }

    @Test
    void anExcludedDomainIsNotScanned() {
        ReclaimDomain domain = ReclaimDomain.of("store");
        cache(domain);
        try (MemallocScope _ = MemallocScope.excluding(domain, HANDLE)) {
            pool.vmscan.force(Gfp.KERNEL);
        }
        assertThat(asked).isEmpty();
        pool.vmscan.force(Gfp.KERNEL);
        assertThat(asked).containsExactly(0L, 1L);
    }

    @Test
    void stopIsRespectedAndAThrowStaysInside() {
        Cache stops = cache(null);
        stops.scan = sc -> {
            asked.add(sc.toScan());
            return Shrinker.STOP;
        };
        Cache throwing = pool.cache("throwing", 10);
        throwing.scan = sc -> {
            throw new IllegalStateException("planted");
        };
        pool.vmscan.force(Gfp.KERNEL);
        assertThat(asked).containsExactly(0L);
        assertThat(throwing.scans).hasSize(1);
        assertThat(pool.trouble).singleElement().asString().contains("planted");
    }

    @Test
    void theInterruptIsKeptAwayAndGivenBack() {
        Cache cache = cache(null);
        List<Boolean> seen = new ArrayList<>();
        cache.scan = sc -> {
            seen.add(Thread.currentThread().isInterrupted());
            return 0;
        };
        Thread.currentThread().interrupt();
        pool.vmscan.force(Gfp.KERNEL);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(seen).containsOnly(false);
    }

    @Test
    @Row({"B9", "K1"})
    void aCallbackThatAllocatesIsNotForcedAgain() {
        Cache cache = cache(null);
        List<String> heard = new ArrayList<>();
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
                heard.add("alone");
            }

            @Override
            public void mightAlloc(int effectiveGfp, FsReclaim.Reclaimer from) {
                heard.add("force");
                from.force(effectiveGfp);
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
                heard.add("enter");
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
                heard.add("leave");
            }

            @Override
            public void callbackEnter(String name, @Nullable ReclaimDomain d, boolean mayWait) {
                heard.add(name + (Task.current().inReclaim() ? " in reclaim" : ""));
            }
        });
        cache.scan = sc -> {
            FsReclaim.mightAlloc(Gfp.KERNEL, pool.vmscan);
            pool.vmscan.force(Gfp.KERNEL);
            return Shrinker.STOP;
        };
        FsReclaim.mightAlloc(Gfp.KERNEL, pool.vmscan);
        assertThat(heard).containsExactly("force", "enter", "cache in reclaim",
                "cache in reclaim", "leave");
        FsReclaim.mightAlloc(Gfp.ATOMIC, pool.vmscan);
        assertThat(heard).as("K1: a mask that may not reclaim").hasSize(5);
    }

    @Test
    void poldersOwnCachesAreAskedAsInAPass() {
        List<String> order = new ArrayList<>();
        for (InternalReclaimer.Phase phase : InternalReclaimer.Phase.values()) {
            pool.registry.addInternal(new InternalReclaimer() {
                @Override
                public Phase phase() {
                    return phase;
                }

                @Override
                public String name() {
                    return phase.name();
                }

                @Override
                public long reclaimableFrames() {
                    return 1;
                }

                @Override
                public long reclaim(long wantFrames) {
                    order.add(phase + " " + wantFrames);
                    return 0;
                }
            });
        }
        cache(null).scan = sc -> {
            order.add("scan");
            return Shrinker.STOP;
        };
        pool.vmscan.force(Gfp.KERNEL);
        assertThat(order).containsExactly("BEFORE_CONSUMERS 1", "scan", "AFTER_CONSUMERS 1");
    }
}
