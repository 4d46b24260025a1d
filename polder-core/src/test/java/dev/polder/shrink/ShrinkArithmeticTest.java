package dev.polder.shrink;

import static dev.polder.shrink.ShrinkArithmetic.MAX_OBJECTS;
import static dev.polder.shrink.ShrinkArithmetic.delta;
import static dev.polder.shrink.ShrinkArithmetic.more;
import static dev.polder.shrink.ShrinkArithmetic.nextDeferred;
import static dev.polder.shrink.ShrinkArithmetic.request;
import static dev.polder.shrink.ShrinkArithmetic.total;
import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.testkit.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The figures of rows F3, F4, F5 and F8, worked out by hand.
final class ShrinkArithmeticTest {

    @Row("F3")
    @ParameterizedTest
    @CsvSource({
        "4096, 12, 2, 2", "4095, 12, 2, 0", "8191, 12, 2, 2", "8192, 12, 2, 4",
        "1000, 3, 2, 250", "1000, 0, 2, 2000", "1000, 0, 4, 1000", "1000, 0, 7, 571",
        "100, 0, 1, 400", "1, 0, 2, 2", "0, 0, 2, 0", "7, 2, 5, 0"
    })
    void newWorkByPriorityAndSeeks(long freeable, int priority, int seeks, long expected) {
        assertThat(delta(freeable, priority, seeks)).isEqualTo(expected);
    }

    @Row("F3")
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 5, 12})
    void withoutSeeksHalfAtEveryPriority(int priority) {
        assertThat(delta(1000, priority, 0)).isEqualTo(500);
        assertThat(delta(1001, priority, 0)).isEqualTo(500);
        assertThat(delta(1, priority, 0)).isZero();
    }

    @Row("F4")
    @Test
    void aShareOfTheDeferredNotTheWhole() {
        assertThat(total(4096, 2, 4096, 12)).isEqualTo(3);
        assertThat(total(4095, 2, 4096, 12)).isEqualTo(2);
        assertThat(total(1000, 10, 4096, 2)).isEqualTo(260);
        assertThat(total(1000, 10, 4096, 0)).isEqualTo(1010);
    }

    @Row("F4")
    @Test
    void neverMoreThanTwiceTheCache() {
        assertThat(total(1000, 100, 100, 0)).isEqualTo(200);
        assertThat(total(100, 100, 100, 0)).isEqualTo(200);
        assertThat(total(99, 100, 100, 0)).isEqualTo(199);
    }

    @Row("F5")
    @Test
    void aCallForAWholeBatchOrTheWholeCache() {
        assertThat(more(128, 128, 1000)).isTrue();
        assertThat(more(127, 128, 1000)).isFalse();
        assertThat(more(127, 128, 127)).isTrue();
        assertThat(more(126, 128, 127)).isFalse();
        assertThat(more(0, 128, 1)).isFalse();
        assertThat(request(1000, 128)).isEqualTo(128);
        assertThat(request(100, 128)).isEqualTo(100);
    }

    @Row("F8")
    @Test
    void whatIsPutBackIsHeldBetweenNothingAndTwiceTheCache() {
        assertThat(nextDeferred(10, 5, 3, 100)).isEqualTo(12);
        assertThat(nextDeferred(10, 5, 15, 100)).isZero();
        assertThat(nextDeferred(10, 5, 99, 100)).isZero();
        assertThat(nextDeferred(500, 5, 0, 100)).isEqualTo(200);
    }

    @Test
    void theLargestCacheOverflowsNothing() {
        assertThat(delta(MAX_OBJECTS, 0, 1)).isEqualTo(4 * MAX_OBJECTS);
        assertThat(total(4 * MAX_OBJECTS, 4 * MAX_OBJECTS, MAX_OBJECTS, 0))
                .isEqualTo(2 * MAX_OBJECTS);
        assertThat(nextDeferred(4 * MAX_OBJECTS, 4 * MAX_OBJECTS, 0, MAX_OBJECTS))
                .isEqualTo(2 * MAX_OBJECTS);
    }
}
