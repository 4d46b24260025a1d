package dev.polder.shrink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Deferred work is taken once and never lost (row F8).
@Row("F8")
final class DeferredTest {

    private final Deferred deferred = new Deferred();

    @Test
    void groupsAreKeptApartAndSummed() {
        deferred.add(0, 5);
        deferred.add(7, 11);
        deferred.add(9, 13);
        deferred.add(7, 1);
        assertThat(deferred.total()).isEqualTo(30);
        assertThat(deferred.take(7)).isEqualTo(12);
        assertThat(deferred.take(7)).isZero();
        assertThat(deferred.take(8)).isZero();
        assertThat(deferred.total()).isEqualTo(18);
    }

    @Test
    void aGroupThatEndsLeavesItsWorkToItsParent() {
        deferred.add(7, 11);
        deferred.add(9, 13);
        deferred.reparent(7, 9);
        assertThat(deferred.take(9)).isEqualTo(24);
        deferred.add(9, 2);
        deferred.reparent(9, 0);
        deferred.reparent(9, 0);
        assertThat(deferred.take(0)).isEqualTo(2);
        assertThat(deferred.total()).isZero();
    }

    @Test
    void absurdAmountsDoNotOverflow() {
        for (int i = 0; i < 100; i++) {
            deferred.add(0, 2 * ShrinkArithmetic.MAX_OBJECTS);
            deferred.add(1, 2 * ShrinkArithmetic.MAX_OBJECTS);
        }
        assertThat(deferred.total()).isBetween(0L, 8 * ShrinkArithmetic.MAX_OBJECTS);
    }

    @Test
    void manyThreadsThatTakeAndPutBackLoseNothing() throws InterruptedException {
        int threads = 4;
        int rounds = 5000;
        List<Thread> all = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            long ownGroup = 1L + t;
            all.add(Thread.ofPlatform().start(() -> {
                for (int i = 0; i < rounds; i++) {
                    long group = i % 3 == 0 ? ownGroup : i % 3 - 1;
                    deferred.add(group, deferred.take(group) + 1);
                }
            }));
        }
        for (Thread t : all) {
            t.join();
        }
        assertThat(deferred.total()).isEqualTo((long) threads * rounds);
    }
}
