package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.polder.gfp.Gfp;
import dev.polder.os.Clock;
import dev.polder.os.VirtualClock;
import dev.polder.page.Asker;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A request keeps its pool's deadline whatever the consumers ask for meanwhile.
@Timeout(60)
final class PatienceTest {
    private static final long SECOND = 1_000_000_000L;

    private final VirtualClock clock = new VirtualClock();
    private final Polder pool = open("patient", 2);
    private final Polder other = open("other", 1);
    private final AtomicInteger scans = new AtomicInteger();
    private final List<MemorySegment> held = new ArrayList<>();

    private Polder open(String name, int deadlineSeconds) {
        return Polder.open(PolderConfig.builder().name(name).budget(16L << 20).clock(clock)
                .allocationDeadline(Duration.ofSeconds(deadlineSeconds)).build());
    }

    /// Takes all of the pool, and registers a consumer that frees nothing and asks both pools for
    /// memory.
    private void exhaust() {
        for (MemorySegment s = take(); s != null; s = take()) {
            held.add(s);
        }
        pool.register(ShrinkerSpec.of("asks", new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                return 1;
            }

            @Override
            public long scan(ShrinkControl sc) {
                scans.incrementAndGet();
                other.free(Objects.requireNonNull(other.tryAllocate(100, Gfp.NOWAIT)));
                other.free(other.allocate(64, 4096, Gfp.NOWAIT));
                assertThat(pool.tryAllocate(1 << 20, Gfp.NOWAIT | Gfp.NOWARN)).isNull();
                return 0;
            }
        }));
    }

    private @Nullable MemorySegment take() {
        return pool.tryAllocate(4096, Gfp.ATOMIC | Gfp.NOWARN);
    }

    @AfterEach
    void close() {
        pool.close();
        other.close();
    }

    @Test
    @Row("D16")
    void aConsumerThatAllocatesDoesNotEndTheDeadlineOfTheRequestItWorksFor() {
        exhaust();
        try (Asker<MemorySegment> asker =
                new Asker<>(clock, 2, () -> pool.allocate(4096, Gfp.NOFS))) {
            assertThat(asker.endsWithin(SECOND)).isFalse();
            assertThat(asker.endsWithin(2 * SECOND)).isTrue();
            assertThat(asker.thrown()).isInstanceOf(AllocationFailedException.class)
                    .hasMessageContaining("order 0 with GFP_NOFS");
        }
        assertThat(scans).hasPositiveValue();
    }

    @Test
    void norDoesItKeepTheAsynchronousOnes() throws Exception {
        exhaust();
        CompletableFuture<MemorySegment> f = pool.allocateAsync(4096, Gfp.NOFS);
        try {
            pass(750);
            assertThat(catchThrowable(() -> f.get(20, TimeUnit.SECONDS)))
                    .isInstanceOf(ExecutionException.class)
                    .hasCauseInstanceOf(AllocationFailedException.class);
            assertThat(scans).hasPositiveValue();
        } finally {
            // A close waits for the attempt that is being made, which waits for the clock, and
            // without its deadline for memory.
            f.cancel(false);
            held.forEach(pool::free);
            pass(30);
        }
    }

    @Test
    void aRequestInsideAnotherSetsBackThePatienceThatItFound() {
        Task task = Task.current();
        task.patienceNanos(SECOND);
        pool.free(pool.allocate(100, Gfp.KERNEL));
        pool.free(pool.allocate(64, 4096, Gfp.KERNEL));
        assertThat(pool.tryAllocate(32L << 20, Gfp.KERNEL | Gfp.NOWARN)).isNull();
        assertThat(task.patienceNanos(0)).isEqualTo(SECOND);
    }

    private void pass(int ticks) {
        for (int i = 0; i < ticks; i++) {
            clock.awaitParked(3);
            clock.advance(Clock.TICK_NANOS);
        }
        clock.awaitParked(3);
    }
}
