package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class EventLogTest {
    private long now = -5; // System.nanoTime may be negative
    private final List<String> lines = new ArrayList<>();
    private final EventLog log = new EventLog(EventLog.INTERVAL_NANOS, () -> now, lines::add);

    @Test
    void oneLineInTenSecondsAndThenTheNumberOfTheOthers() {
        log.warn(() -> "first");
        log.warn(() -> "second");
        now += EventLog.INTERVAL_NANOS - 1;
        log.warn(() -> "third");
        assertThat(lines).containsExactly("first");
        now += 1;
        log.warn(() -> "fourth");
        now += EventLog.INTERVAL_NANOS;
        log.warn(() -> "fifth");
        assertThat(lines).containsExactly(
                "first", "fourth (and 2 more of this kind before)", "fifth");
    }

    @Test
    void textIsMadeOnlyWhenItIsWrittenAndIsOneLine() {
        log.warn(() -> "one\ntwo\r\nthree");
        log.warn(() -> {
            throw new AssertionError("made although it is not written");
        });
        assertThat(lines).containsExactly("one two  three");
    }

    @Test
    void kindsDoNotShareTheirLimit() {
        for (EventLog.Kind kind : EventLog.Kind.values()) {
            assertThat(EventLog.of(kind)).isSameAs(EventLog.of(kind));
        }
        assertThat(EventLog.of(EventLog.Kind.STALL))
                .isNotSameAs(EventLog.of(EventLog.Kind.OUT_OF_MEMORY));
    }
}
