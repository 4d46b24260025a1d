package dev.polder.zone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.testkit.Row;
import org.junit.jupiter.api.Test;

final class WatermarksTest {
    /// Frames of a pool of that many MiB.
    private static long mib(long n) {
        return n << 8;
    }

    @Test
    @Row("C1")
    void minIsTheSquareRootOfSixteenTimesThePoolInKib() {
        // 1 GiB: isqrt(16 * 1048576) = 4096 KiB = 1024 frames; the gap is a quarter of min,
        // since a thousandth of the pool (262 frames) is more than 256: max(256, 262) = 262.
        assertThat(Watermarks.of(mib(1024))).isEqualTo(new Watermarks(1024, 1286, 1548));
        // 96 MiB: isqrt(16 * 98304) = 1254 KiB = 313 frames, gap max(78, 24).
        assertThat(Watermarks.of(mib(96))).isEqualTo(new Watermarks(313, 391, 469));
    }

    @Test
    @Row("C1")
    void minIsClamped() {
        assertThat(Watermarks.of(64).min()).isEqualTo(128 / 4);
        assertThat(Watermarks.of(Integer.MAX_VALUE).min()).isEqualTo(262_144 / 4);
    }

    @Test
    @Row("C4")
    void highTakesHalfAndNonBlockingAQuarterOfTheRest() {
        assertThat(Watermarks.reduced(1000, false, false)).isEqualTo(1000);
        assertThat(Watermarks.reduced(1000, false, true)).isEqualTo(1000);
        assertThat(Watermarks.reduced(1000, true, false)).isEqualTo(500);
        assertThat(Watermarks.reduced(1000, true, true)).isEqualTo(375);
        // Integer arithmetic: 7 - 3 = 4, 4 - 1 = 3.
        assertThat(Watermarks.reduced(7, true, false)).isEqualTo(4);
        assertThat(Watermarks.reduced(7, true, true)).isEqualTo(3);
    }

    @Test
    void marksMustRise() {
        assertThatThrownBy(() -> new Watermarks(3, 2, 4))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("min=3");
    }
}
