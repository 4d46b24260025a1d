package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Requests that wait for memory on nobody's thread. A request without FS waits for others (D16),
/// so what it needs comes when the test gives it.
final class AsyncAllocatorTest {
    private static final long BUDGET = 16L << 20;

    private final List<Long> held = new ArrayList<>();
    private Polder pool = open(Duration.ZERO);

    private static Polder open(Duration deadline) {
        return Polder.open(PolderConfig.builder().name("async").budget(BUDGET)
                .allocationDeadline(deadline).build());
    }

    @AfterEach
    void verifyAndClose() {
        give(held.size());
        if (!closed()) {
            pool.verify();
        }
        pool.close();
    }

    private boolean closed() {
        return pool.pages().closing();
    }

    private void exhaust() {
        exhaust(Frames.MAX_ORDER);
    }

    private void exhaust(int largest) {
        for (int order = largest; order >= 0; order--) {
            for (long run = pool.pages().alloc(order, Gfp.NOWAIT); run != 0;
                    run = pool.pages().alloc(order, Gfp.NOWAIT)) {
                held.add(run);
            }
        }
    }

    /// Gives the last `n` runs, which are the smallest.
    private void give(int n) {
        for (int i = 0; i < n && !closed(); i++) {
            pool.pages().free(held.removeLast());
        }
    }

    private static MemorySegment get(CompletableFuture<MemorySegment> f) throws Exception {
        return f.get(20, TimeUnit.SECONDS);
    }

    @Test
    void whatCanBeHadIsThereAtOnce() throws Exception {
        CompletableFuture<MemorySegment> f = pool.allocateAsync(4096, Gfp.KERNEL);
        assertThat(f).isCompleted();
        pool.free(get(f));
        assertThatThrownBy(() -> pool.allocateAsync(-1, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aWaitingRequestIsServedWhenMemoryComesBack() throws Exception {
        exhaust();
        CompletableFuture<MemorySegment> f = pool.allocateAsync(16 << 10, Gfp.NOFS);
        assertThat(f).isNotDone();
        give(held.size());
        MemorySegment s = get(f);
        assertThat(s.byteSize()).isEqualTo(16 << 10);
        pool.free(s);
    }

    @Test
    void aMaskThatMayNotBlockWaitsForBackgroundReclaim() throws Exception {
        PageCacheConsumer cache = new PageCacheConsumer(pool, "cache", null, 0);
        boolean grown = true;
        while (grown) {
            grown = cache.grow();
        }
        exhaust();
        CompletableFuture<MemorySegment> f = pool.allocateAsync(64 << 10, Gfp.NOWAIT);
        try (Registration r = pool.register(ShrinkerSpec.of(cache.name, cache))) {
            assertThat(r.deferred()).isGreaterThanOrEqualTo(0);
            pool.free(get(f));
        }
        cache.clear();
    }

    @Tag("remapping")
    @Test
    void oneThatCannotBeServedDoesNotHoldUpTheNext() throws Exception {
        exhaust(0);
        CompletableFuture<MemorySegment> large = pool.allocateAsync(8 << 20, Gfp.NOFS);
        CompletableFuture<MemorySegment> small = pool.allocateAsync(16 << 10, Gfp.NOFS);
        // What the large one takes and gives back each time is too little for it.
        give(64);
        pool.free(get(small));
        assertThat(large).isNotDone();
        assertThat(large.cancel(false)).isTrue();
        give(held.size());
        // Ends the attempt that may still be made for the large one, beside which nothing adds up.
        pool.close();
    }

    @Test
    void whoeverDependsOnItMayBlock() throws Exception {
        exhaust();
        CountDownLatch hang = new CountDownLatch(1);
        CompletableFuture<Void> first = pool.allocateAsync(4096, Gfp.NOFS).thenAccept(s -> {
            try {
                hang.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            pool.free(s);
        });
        CompletableFuture<MemorySegment> second = pool.allocateAsync(4096, Gfp.NOFS);
        give(held.size());
        pool.free(get(second));
        hang.countDown();
        first.get(20, TimeUnit.SECONDS);
    }

    @Test
    void aCancelledRequestKeepsNothing() throws Exception {
        long before = pool.memInfo().used();
        exhaust();
        CompletableFuture<MemorySegment> f = pool.allocateAsync(1 << 20, Gfp.NOFS);
        CompletableFuture<MemorySegment> behind = pool.allocateAsync(1 << 20, Gfp.NOFS);
        f.cancel(false);
        give(held.size());
        pool.free(get(behind));
        pool.parts().slabs().shrinkAll();
        assertThat(pool.memInfo().used() - pool.memInfo().vmallocLazy()
                - pool.memInfo().pageTables()).isEqualTo(before);
        assertThat(f).isCancelled();
    }

    @Test
    void whereNobodyCanGiveWayItFailsAsTheRequestWould() {
        exhaust();
        assertThatThrownBy(() -> get(pool.allocateAsync(1 << 20, Gfp.KERNEL)))
                .isInstanceOf(ExecutionException.class)
                .hasCauseInstanceOf(AllocationFailedException.class)
                .hasMessageContaining("1048576 bytes");
        assertThatThrownBy(() -> get(pool.allocateAsync(1 << 20, Gfp.NOFS | Gfp.NORETRY)))
                .hasCauseInstanceOf(AllocationFailedException.class);
        assertThatThrownBy(() -> get(pool.allocateAsync(2 * BUDGET, Gfp.KERNEL | Gfp.NOFAIL)))
                .hasCauseInstanceOf(AllocationFailedException.class);
    }

    @Test
    void theDeadlineEndsItsWaitButNotThatOfNofail() throws Exception {
        pool.close();
        pool = open(Duration.ofMillis(50));
        exhaust();
        CompletableFuture<MemorySegment> patient =
                pool.allocateAsync(64 << 10, Gfp.NOFS | Gfp.NOFAIL);
        for (int gfp : new int[] {Gfp.NOFS, Gfp.NOWAIT}) {
            assertThatThrownBy(() -> get(pool.allocateAsync(64 << 10, gfp)))
                    .hasCauseInstanceOf(AllocationFailedException.class);
        }
        assertThat(patient).isNotDone();
        give(held.size());
        pool.free(get(patient));
    }

    @Test
    void closeFailsThoseWhoWait() {
        exhaust();
        List<CompletableFuture<MemorySegment>> all = new ArrayList<>();
        for (int gfp : new int[] {Gfp.NOFS, Gfp.NOWAIT, Gfp.NOFS | Gfp.NOFAIL}) {
            all.add(pool.allocateAsync(64 << 10, gfp));
        }
        assertThat(all).noneMatch(CompletableFuture::isDone);
        pool.close();
        for (CompletableFuture<MemorySegment> f : all) {
            assertThatThrownBy(() -> get(f)).hasCauseInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
        CompletableFuture<MemorySegment> tooLate = pool.allocateAsync(64, Gfp.KERNEL);
        assertThat(tooLate).isCompletedExceptionally();
        assertThatThrownBy(() -> get(tooLate)).hasCauseInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() -> pool.allocateAsync(-1, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void itIsChargedToTheGroupOfItsCaller() throws Exception {
        MemGroup group = pool.group().create("query");
        exhaust();
        CompletableFuture<MemorySegment> f;
        try (var in = group.enter()) {
            assertThat(in).isNotNull();
            f = pool.allocateAsync(64 << 10, Gfp.NOFS);
        }
        give(held.size());
        MemorySegment s = get(f);
        assertThat(group.charged()).isGreaterThanOrEqualTo(64 << 10);
        pool.free(s);
    }
}
