package dev.polder.cli.trace;

/// The threads of a run. Each goes through its own part of the trace, at a rate of its own: so
/// every policy does the same operations, as long as it can follow. The rates keep two processors
/// about half busy.
public enum Actor {
    /// Updates texts: every 900 ms a directory is imported again.
    TEXTS_WRITER(true, 900_000),
    /// Rebuilds the index: every 700 ms a shard of it is merged.
    INDEX_WRITER(true, 700_000),
    /// Sends a request every 1.25 ms.
    CLIENT_1(false, 1_250),
    /// Sends a request every 1.25 ms.
    CLIENT_2(false, 1_250);

    private final boolean writer;
    private final int intervalMicros;

    Actor(boolean writer, int intervalMicros) {
        this.writer = writer;
        this.intervalMicros = intervalMicros;
    }

    /// Whether it holds a journal handle in its operations.
    public boolean writer() {
        return writer;
    }

    /// The time from one operation to the next.
    public long intervalNanos() {
        return intervalMicros * 1000L;
    }
}
