package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.os.Clock;
import dev.polder.os.VirtualClock;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Asynchronous requests when too many wait, and when the Java heap is full.
@Timeout(60)
final class AsyncHardTimesTest {
    private static final Clock SYSTEM = Clock.system();

    private final List<Long> held = new ArrayList<>();
    /// How often the heap is still to be full.
    private final AtomicInteger full = new AtomicInteger();
    private Polder pool = open(SYSTEM, Duration.ZERO);

    private static Polder open(Clock clock, Duration deadline) {
        return Polder.open(PolderConfig.builder().name("hard").budget(16L << 20).clock(clock)
                .allocationDeadline(deadline).build());
    }

    @AfterEach
    void close() {
        pool.close();
    }

    private void exhaust() {
        for (long run = pool.pages().alloc(0, Gfp.ATOMIC | Gfp.NOWARN); run != 0;
                run = pool.pages().alloc(0, Gfp.ATOMIC | Gfp.NOWARN)) {
            held.add(run);
        }
    }

    private void giveAll() {
        held.forEach(pool.pages()::free);
        held.clear();
    }

    /// A full heap where a completion wants a thread.
    private void complete(Runnable completion) {
        fail();
        Thread.ofVirtual().start(completion);
    }

    private void fail() {
        if (full.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
            throw new OutOfMemoryError("planted");
        }
    }

    private static MemorySegment get(CompletableFuture<MemorySegment> f) throws Exception {
        return f.get(20, TimeUnit.SECONDS);
    }

    @Test
    void aDeadlineIsKeptHoweverManyWait() {
        pool.close();
        VirtualClock clock = new VirtualClock();
        pool = open(clock, Duration.ofSeconds(1));
        exhaust();
        List<CompletableFuture<MemorySegment>> crowd = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            crowd.add(pool.allocateAsync(4096, i % 10 == 3 ? Gfp.NOFS | Gfp.NOFAIL : Gfp.NOFS));
        }
        try {
            pass(clock, 240);
            assertThat(crowd).noneMatch(CompletableFuture::isDone);
            pass(clock, 30);
            for (int i = 0; i < crowd.size(); i++) {
                CompletableFuture<MemorySegment> f = crowd.get(i);
                if (i % 10 == 3) {
                    assertThat(f).isNotDone();
                } else {
                    assertThatThrownBy(() -> get(f))
                            .hasCauseInstanceOf(AllocationFailedException.class);
                }
            }
        } finally {
            // A close waits for the attempt that is being made, which waits for the clock.
            crowd.forEach(f -> f.cancel(false));
            pass(clock, 30);
        }
    }

    /// Lets ticks pass for the serving thread and kswapd.
    private static void pass(VirtualClock clock, int ticks) {
        for (int i = 0; i < ticks; i++) {
            clock.awaitParked(2);
            clock.advance(Clock.TICK_NANOS);
        }
        clock.awaitParked(2);
    }

    // Frames that come back one by one are no run at first
    @Test
    @Tag("remapping")
    void aFullHeapDelaysWhatCameOfARequestAndLosesNothing() throws Exception {
        long before = pool.memInfo().used();
        AsyncAllocator async = new AsyncAllocator(pool, this::complete);
        exhaust();
        full.set(3);
        CompletableFuture<MemorySegment> refused = async.allocate(1 << 20, Gfp.KERNEL);
        assertThatThrownBy(() -> get(refused)).hasCauseInstanceOf(AllocationFailedException.class);
        full.set(3);
        CompletableFuture<MemorySegment> served = async.allocate(1 << 20, Gfp.NOFS);
        giveAll();
        pool.free(get(served));
        assertThat(full).hasValue(0);
        pool.parts().slabs().shrinkAll();
        assertThat(pool.memInfo().used() - pool.memInfo().vmallocLazy()
                - pool.memInfo().pageTables()).isEqualTo(before);
        async.close();
    }

    @Test
    void theThreadOutlivesAFullHeap() throws Exception {
        pool.close();
        Clock clock = new Clock() {
            @Override
            public long nanos() {
                if (Thread.currentThread().getName().startsWith("polder-async")) {
                    fail();
                }
                return SYSTEM.nanos();
            }

            @Override
            public void park(Object blocker, long nanos) {
                SYSTEM.park(blocker, nanos);
            }

            @Override
            public void unpark(Thread thread) {
                SYSTEM.unpark(thread);
            }
        };
        pool = open(clock, Duration.ofHours(1));
        exhaust();
        CompletableFuture<MemorySegment> waits = pool.allocateAsync(4096, Gfp.NOFS);
        CompletableFuture<MemorySegment> hit = pool.allocateAsync(4096, Gfp.NOFS);
        // At the latest the second of these is thrown between two attempts.
        full.set(5);
        giveAll();
        for (CompletableFuture<MemorySegment> f : List.of(waits, hit)) {
            // An attempt that met the full heap ends as it would have on the caller's thread.
            f.exceptionally(t -> {
                assertThat(t).isInstanceOf(OutOfMemoryError.class);
                return MemorySegment.NULL;
            }).get(20, TimeUnit.SECONDS);
        }
        exhaust();
        CompletableFuture<MemorySegment> after = pool.allocateAsync(4096, Gfp.NOFS);
        giveAll();
        pool.free(get(after));
    }

    @Test
    void aCloseEndsWhatNoThreadCouldBeHadFor() {
        AsyncAllocator async = new AsyncAllocator(pool, this::complete);
        exhaust();
        CompletableFuture<MemorySegment> refused = async.allocate(1 << 20, Gfp.NOFS);
        full.set(Integer.MAX_VALUE);
        async.close();
        assertThat(refused).isCompletedExceptionally();
        assertThat(async.waiting()).isZero();
    }
}
