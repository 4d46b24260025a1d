package dev.polder.cli.load;

import static org.assertj.core.api.Assertions.assertThat;

import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;

/// On time that the test makes itself.
class PacerTest {

    private static final long MILLI = 1_000_000;

    @Test
    void oneSlowOperationCountsForAllThatItHeldUp() {
        // A request is due every millisecond and takes 10 us, but the 100th takes 100 ms.
        Histogram corrected = new Histogram(3);
        Histogram naive = new Histogram(3);
        Pacer pacer = new Pacer(0, MILLI);
        long now = 0;
        for (int i = 0; i < 1000; i++) {
            now += Math.max(0, pacer.sleepNanos(now));
            long begun = now;
            long from = pacer.begin(now);
            now += i == 99 ? 100 * MILLI : 10_000;
            corrected.recordValue(now - from);
            naive.recordValue(now - begun);
        }
        assertThat(naive.getValueAtPercentile(99.8)).isLessThan(20_000);
        // About 100 of 1000 requests came up to 100 ms late.
        assertThat(corrected.getValueAtPercentile(95)).isBetween(40 * MILLI, 60 * MILLI);
        assertThat(corrected.getValueAtPercentile(99)).isBetween(85 * MILLI, 95 * MILLI);
        assertThat(corrected.getValueAtPercentile(85)).isLessThan(20_000);
    }

    @Test
    void aLittleAheadIsNotNegativeLatency() {
        Pacer pacer = new Pacer(10 * MILLI, MILLI);
        assertThat(pacer.begin(9 * MILLI)).isEqualTo(9 * MILLI);
        assertThat(pacer.begin(20 * MILLI)).isEqualTo(11 * MILLI);
    }

    @Test
    void sleepsOnlyWhenAheadByMoreThanTheSlack() {
        Pacer pacer = new Pacer(10 * MILLI, MILLI);
        assertThat(pacer.sleepNanos(10 * MILLI - Pacer.AHEAD_NANOS)).isZero();
        assertThat(pacer.sleepNanos(10 * MILLI - Pacer.AHEAD_NANOS - 1))
                .isEqualTo(Pacer.AHEAD_NANOS + 1);
        assertThat(pacer.sleepNanos(50 * MILLI)).isZero();
    }

    @Test
    void aHoldMovesTheSchedule() {
        Pacer pacer = new Pacer(0, MILLI);
        pacer.shift(500 * MILLI);
        assertThat(pacer.begin(600 * MILLI)).isEqualTo(500 * MILLI);
    }
}
