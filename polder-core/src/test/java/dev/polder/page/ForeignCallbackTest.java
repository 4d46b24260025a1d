package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.os.Clock;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Consumers that do what they like, as a request meets them: it is served all the same, by them or
/// by an honest one beside them.
final class ForeignCallbackTest {
    private static final int DIRECT = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;

    private final PageRig rig = new PageRig();

    @BeforeEach
    void fill() {
        rig.fill(0, Gfp.NOWAIT);
    }

    @AfterEach
    void close() {
        rig.close();
    }

    private ShrinkerHandle register(ToLongFunction<ShrinkControl> count,
            ToLongFunction<ShrinkControl> scan) {
        return rig.shrinkers.register("foreign", new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                return count.applyAsLong(sc);
            }

            @Override
            public long scan(ShrinkControl sc) {
                return scan.applyAsLong(sc);
            }
        }, null, 2, 128, false, 4096);
    }

    private void honest() {
        rig.shrinker("honest", null, 2000, sc -> {
            rig.release((int) sc.toScan());
            return sc.toScan();
        });
    }

    private void isServed() {
        isServed(() -> rig.pages.alloc(0, DIRECT));
    }

    /// On virtual time: a reclaim that frees nothing itself sleeps.
    private void isServed(Supplier<Long> request) {
        try (Asker<Long> a = new Asker<>(rig.clock, request)) {
            assertThat(a.endsWithin(Clock.HZ * Clock.TICK_NANOS)).isTrue();
            assertThat(a.thrown()).isNull();
            assertThat(a.answer()).isNotZero();
            rig.keep(a.answer());
        }
    }

    private static <T extends Throwable> long raise(Throwable t) throws T {
        @SuppressWarnings("unchecked") // sneaks a checked throwable past the compiler
        T any = (T) t;
        throw any;
    }

    @Test
    void whateverIsThrownStaysInside() {
        List<Throwable> all = List.of(new IllegalStateException("a"), new AssertionError("b"),
                new StackOverflowError("c"), new OutOfMemoryError("d"), new Exception("e"));
        for (Throwable t : all) {
            register(sc -> 1000, sc -> ForeignCallbackTest.<RuntimeException>raise(t));
            register(sc -> ForeignCallbackTest.<RuntimeException>raise(t), sc -> 0);
        }
        honest();
        isServed();
        assertThat(rig.stat.get(Item.SHRINK_THROWS)).isGreaterThanOrEqualTo(10);
    }

    @ParameterizedTest
    @ValueSource(longs = {Long.MIN_VALUE, -3, Long.MAX_VALUE})
    void figuresThatCannotBeAreReplaced(long figure) {
        ShrinkerHandle liar = register(sc -> figure, sc -> {
            if (figure > 0) {
                sc.scanned(figure);
            }
            return figure;
        });
        honest();
        isServed();
        assertThat(liar.lies()).isPositive();
        assertThat(liar.freedFrames()).as("a claim is no progress").isZero();
    }

    @Test
    void whatAnotherThreadFreesServesTheRequestButIsNotItsProgress() {
        register(sc -> 2000, sc -> {
            CompletableFuture.runAsync(() -> rig.release(64)).join();
            return sc.toScan();
        });
        isServed();
        assertThat(rig.stat.get(Item.PGSTEAL_DIRECT)).isZero();
    }

    @Test
    void anAllocationInsideScanUsesTheReserveAndReclaimsNothing() {
        ShrinkerHandle handle = register(sc -> 2000, sc -> {
            long inside = rig.pages.alloc(0, DIRECT);
            assertThat(inside).as("the reserve").isNotZero();
            rig.pages.free(inside);
            rig.release(64);
            return sc.toScan();
        });
        isServed();
        assertThat(handle.thrown()).isZero();
        assertThat(rig.stat.get(Item.ALLOC_RESERVE)).as("counted").isPositive();
        assertThat(rig.stat.get(Item.ALLOCSTALL)).as("one reclaim, none inside it").isEqualTo(1);
    }

    @Test
    void unregisteringItselfIsRefusedAndNothingChanges() {
        AtomicReference<ShrinkerHandle> self = new AtomicReference<>();
        self.set(register(sc -> 2000, sc -> {
            assertThatThrownBy(() -> self.get().close()).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("'foreign' is closed from inside its own callback")
                    .hasMessageContaining("another thread");
            rig.release(64);
            return sc.toScan();
        }));
        isServed();
        assertThat(self.get().thrown()).isZero();
        assertThat(rig.shrinkers.shrinkers()).contains(self.get());
        self.get().close();
        assertThat(rig.shrinkers.shrinkers()).isEmpty();
    }

    @Test
    void theCallersInterruptIsKeptFromTheCallbackAndGivenBack() {
        register(sc -> 2000, sc -> {
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
            Thread.currentThread().interrupt();
            rig.release(64);
            return sc.toScan();
        });
        AtomicBoolean kept = new AtomicBoolean();
        isServed(() -> {
            Thread.currentThread().interrupt();
            long run = rig.pages.alloc(0, DIRECT);
            kept.set(Thread.interrupted());
            return run;
        });
        assertThat(kept).isTrue();
    }
}
