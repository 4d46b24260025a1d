package dev.polder.gfp;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/// Writes events of one kind to the System.Logger "dev.polder": one line, at most one per 10 s,
/// with the number of those that were not written. Kinds of which none may be missed are written
/// each time; who tells of them sees to it that they are few.
final class EventLog {
    enum Kind {
        SCOPE_LEAKED, TOKEN_CROSSED, SCOPE_OPEN_TOO_LONG, STALL, WAITS_FOR, SHRINKER_THREW,
        SHRINKER_STUCK, NOFAIL_MISUSE, OUT_OF_MEMORY, BLOCKING_ON_EVENT_LOOP,
        WRONG_SETTING(false), CORRUPTION(false), LEFT_ALLOCATED(false), TROUBLE;

        /// Whether some of them may go unwritten.
        final boolean limited;

        Kind() {
            this(true);
        }

        Kind(boolean limited) {
            this.limited = limited;
        }
    }

    /// The kernel's rate for allocation failures (D5): a person reads along.
    static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(10);

    private static final Map<Kind, EventLog> LOGS = new EnumMap<>(Kind.class);

    static {
        for (Kind kind : Kind.values()) {
            LOGS.put(kind, new EventLog(kind.limited ? INTERVAL_NANOS : 0, System::nanoTime,
                    EventLog::write));
        }
    }

    /// Where a line goes.
    interface Sink {
        void line(String text);
    }

    private final long intervalNanos;
    private final LongSupplier nanoTime;
    private final Sink sink;

    // Guarded by this; several threads only when a listener calls the defaults from its own.
    private boolean written;
    private long writtenNanos;
    private long suppressed;

    EventLog(long intervalNanos, LongSupplier nanoTime, Sink sink) {
        this.intervalNanos = intervalNanos;
        this.nanoTime = nanoTime;
        this.sink = sink;
    }

    static EventLog of(Kind kind) {
        return Objects.requireNonNull(LOGS.get(kind));
    }

    /// For tests: as if no line of any kind had been written yet.
    static void forgetAll() {
        for (EventLog log : LOGS.values()) {
            synchronized (log) {
                log.written = false;
                log.suppressed = 0;
            }
        }
    }

    void warn(Supplier<String> text) {
        long unsaid;
        synchronized (this) {
            long now = nanoTime.getAsLong();
            if (written && now - writtenNanos < intervalNanos) {
                suppressed++;
                return;
            }
            written = true;
            writtenNanos = now;
            unsaid = suppressed;
            suppressed = 0;
        }
        String line = text.get().replace('\n', ' ').replace('\r', ' ');
        sink.line(unsaid == 0 ? line : line + " (and " + unsaid + " more of this kind before)");
    }

    private static void write(String text) {
        System.getLogger("dev.polder").log(System.Logger.Level.WARNING, text);
    }
}
