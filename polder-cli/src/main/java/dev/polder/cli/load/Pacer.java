package dev.polder.cli.load;

/// When an actor's operations are due: one after each interval. An operation's latency counts from
/// when it was due and not from when the actor, held up by the one before, came to begin it (else
/// the worst times would hide the most operations: coordinated omission).
///
/// An actor may be a little ahead, so that it can sleep in whole milliseconds without being late.
final class Pacer {

    /// How far an actor may be ahead of its schedule.
    static final long AHEAD_NANOS = 1_000_000;

    private final long intervalNanos;
    private long dueNanos;

    /// @param startNanos when the first operation is due
    Pacer(long startNanos, long intervalNanos) {
        this.dueNanos = startNanos;
        this.intervalNanos = intervalNanos;
    }

    /// How long to sleep before the next operation; 0 or less for not at all.
    long sleepNanos(long nowNanos) {
        return dueNanos - AHEAD_NANOS - nowNanos <= 0 ? 0 : dueNanos - nowNanos;
    }

    /// The next operation begins now.
    ///
    /// @return from when its latency counts
    long begin(long nowNanos) {
        long due = dueNanos;
        dueNanos += intervalNanos;
        return due - nowNanos < 0 ? due : nowNanos;
    }

    /// The actor itself stopped for so long, for a reason that is not a slow operation.
    void shift(long nanos) {
        dueNanos += nanos;
    }
}
