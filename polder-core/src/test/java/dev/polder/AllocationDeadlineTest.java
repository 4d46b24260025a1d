package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.os.Clock;
import dev.polder.os.VirtualClock;
import dev.polder.testkit.Row;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The facade's deadline, from the configuration to the exception, on virtual time: a request that
/// Linux would let wait for ever (row D16) gets its answer when the time is over, and not before.
@Timeout(120)
@Row("D16")
final class AllocationDeadlineTest {
    private static final long DEADLINE = 3 * Clock.HZ * Clock.TICK_NANOS;
    /// A wait begun just before the deadline ends after it: half a second, and the turns around it.
    private static final long LATE = Clock.HZ * Clock.TICK_NANOS;
    /// The request's thread and kswapd.
    private static final int THREADS = 2;

    private final VirtualClock clock = new VirtualClock();
    private final List<Long> held = new ArrayList<>();
    private final AtomicReference<@Nullable Object> answer = new AtomicReference<>();
    private volatile boolean over;

    @BeforeEach
    void quiet() {
        PolderEvents.listen(new PolderEvents() { });
    }

    @AfterEach
    void loud() {
        PolderEvents.listen(null);
    }

    private Polder full(Duration deadline) {
        Polder pool = Polder.open(PolderConfig.builder().name("full").budget(16L << 20)
                .clock(clock).allocationDeadline(deadline).build());
        int all = Gfp.NOWAIT | Gfp.MEMALLOC; // the reserve too, which NOFAIL may use
        for (long run = pool.pages().alloc(0, all); run != 0; run = pool.pages().alloc(0, all)) {
            held.add(run);
        }
        return pool;
    }

    private void release(Polder pool) {
        held.forEach(pool.pages()::free);
        held.clear();
    }

    /// A thread that makes one request and then stays parked, so that what is waited for is always
    /// the same: both threads parked.
    private Thread ask(Supplier<@Nullable Object> request) {
        return Thread.ofPlatform().name("asker").start(() -> {
            try {
                answer.set(request.get());
            } catch (Throwable t) {
                answer.set(t);
            }
            while (!over) {
                clock.park(this, 0);
            }
        });
    }

    /// The virtual time at which the request has its answer, or -1 if it has none by `limit`.
    private long answeredBy(long limit) {
        clock.awaitParked(THREADS);
        while (answer.get() == null && clock.nanos() < limit) {
            clock.advance(Clock.TICK_NANOS);
            clock.awaitParked(THREADS);
        }
        return answer.get() == null ? -1 : clock.nanos();
    }

    private void freeTheAnswer(Polder pool) {
        if (!(answer.get() instanceof MemorySegment s)) {
            throw new AssertionError("no memory but " + answer.get());
        }
        pool.free(s);
    }

    private void end(Polder pool, Thread asker) throws InterruptedException {
        over = true;
        clock.unpark(asker);
        asker.join();
        release(pool);
        pool.verify();
        pool.close();
    }

    @Test
    void itThrowsAtTheDeadlineAndNotBefore() throws InterruptedException {
        Polder pool = full(Duration.ofNanos(DEADLINE));
        long asked = clock.nanos();
        Thread asker = ask(() -> pool.allocate(4096, Gfp.NOFS));
        assertThat(answeredBy(asked + DEADLINE + LATE))
                .isBetween(asked + DEADLINE, asked + DEADLINE + LATE);
        assertThat(answer.get()).isInstanceOf(AllocationFailedException.class)
                .asString().containsPattern("rounds of direct reclaim, .* in 3\\d\\d\\d ms");
        end(pool, asker);
    }

    @Test
    void tryAllocateHasNullThen() throws InterruptedException {
        Polder pool = full(Duration.ofNanos(DEADLINE));
        long asked = clock.nanos();
        Thread asker = ask(() -> pool.tryAllocate(4096, Gfp.NOFS) == null ? "null" : "memory");
        assertThat(answeredBy(asked + DEADLINE + LATE)).isGreaterThanOrEqualTo(asked + DEADLINE);
        assertThat(answer.get()).isEqualTo("null");
        end(pool, asker);
    }

    @Test
    void memoryThatComesBackJustBeforeIsTaken() throws InterruptedException {
        Polder pool = full(Duration.ofNanos(DEADLINE));
        long asked = clock.nanos();
        Thread asker = ask(() -> pool.allocate(4096, Gfp.NOFS));
        assertThat(answeredBy(asked + DEADLINE - LATE)).isEqualTo(-1);
        release(pool);
        assertThat(answeredBy(asked + DEADLINE)).isPositive();
        freeTheAnswer(pool);
        end(pool, asker);
    }

    @Test
    void nofailIgnoresIt() throws InterruptedException {
        Polder pool = full(Duration.ofNanos(DEADLINE));
        Thread asker = ask(() -> pool.allocate(4096, Gfp.NOFS | Gfp.NOFAIL));
        waitsOn(pool, asker);
    }

    @Test
    void withoutADeadlineItWaitsAsLongAsItTakes() throws InterruptedException {
        Polder pool = full(PolderConfig.NONE);
        Thread asker = ask(() -> pool.allocate(4096, Gfp.NOFS));
        waitsOn(pool, asker);
    }

    private void waitsOn(Polder pool, Thread asker) throws InterruptedException {
        assertThat(answeredBy(clock.nanos() + 3 * DEADLINE)).isEqualTo(-1);
        release(pool);
        assertThat(answeredBy(clock.nanos() + LATE)).isPositive();
        freeTheAnswer(pool);
        end(pool, asker);
    }
}
