package dev.polder.cli.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// On time that the test makes itself.
class WatchTest {

    private static final long SECOND = 1_000_000_000L;

    private final AtomicLong ended = new AtomicLong();
    private final AtomicInteger asked = new AtomicInteger();
    private final AtomicReference<@Nullable String> chain = new AtomicReference<>();
    private final Watch watch = new Watch(ended::get, () -> {
        asked.getAndIncrement();
        return chain.get();
    });

    @Test
    void isDeadlockedAfterTwoQuietSecondsWithAChain() {
        chain.set("A waits for B, B for A");
        assertThat(watch.look(0, true)).isNull();
        assertThat(watch.look(2 * SECOND - 1, true)).isNull();
        assertThat(asked).hasValue(0);
        assertThat(watch.look(2 * SECOND, true)).contains("2.0 s", "A waits for B, B for A");
    }

    @Test
    void slowIsNotDeadlocked() {
        assertThat(watch.look(0, true)).isNull();
        assertThat(watch.look(30 * SECOND, true)).isNull();
        assertThat(asked).hasValue(1);
        assertThat(watch.quietNanos(30 * SECOND)).isEqualTo(30 * SECOND);
    }

    @Test
    void anEndedOperationBeginsAnew() {
        chain.set("closes");
        assertThat(watch.look(0, true)).isNull();
        ended.set(1);
        assertThat(watch.look(3 * SECOND, true)).isNull();
        assertThat(watch.look(4 * SECOND, true)).isNull();
        assertThat(watch.look(5 * SECOND, true)).isNotNull();
    }

    @Test
    void nobodyInAnOperationIsNoDeadlock() {
        chain.set("closes");
        assertThat(watch.look(0, false)).isNull();
        assertThat(watch.look(9 * SECOND, false)).isNull();
        assertThat(watch.look(10 * SECOND, true)).isNull();
    }

    @Test
    void aRepeatedReentryIsToldOnce() {
        assertThat(Run.shortened("A waits\nRe-entry: x.\nRe-entry: x.\nRe-entry: y.\n")).isEqualTo(
                "A waits\nRe-entry: x.\nRe-entry: this happened 3 times or more before.");
        assertThat(Run.shortened("A waits\nRe-entry: x.\n")).isEqualTo("A waits\nRe-entry: x.");
    }
}
