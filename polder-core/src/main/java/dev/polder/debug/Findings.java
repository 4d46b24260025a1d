package dev.polder.debug;

import dev.polder.gfp.PolderEvents;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/// What debug mode and the sampler found in one pool. Each finding that is kept is also told as an
/// event.
///
/// Threads: any.
public final class Findings {
    /// Findings that are kept and told; the first ones tell most, what follows is often their
    /// consequence.
    static final int MAX_KEPT = 100;

    /// As long as a closing pool waits for its own report.
    private static final int PATIENCE_SECONDS = 5;

    private final String pool;
    private final List<String> kept = new CopyOnWriteArrayList<>();
    private final AtomicLong count = new AtomicLong();

    /// No findings yet.
    ///
    /// @param pool the pool's name
    public Findings(String pool) {
        this.pool = pool;
    }

    /// Adds one and tells of it without waiting; for damage that the current thread has not done.
    public void add(String text) {
        if (count.getAndIncrement() < MAX_KEPT) {
            kept.add(text);
            PolderEvents.reporter().corruption(pool, text);
        }
    }

    /// Adds one and makes it an exception; for damage to what the current thread gives back.
    public MemoryCorruptedException thrown(String text) {
        add(text);
        return new MemoryCorruptedException(text);
    }

    /// Waits, for 5 s at most, until the listener has heard of all: nothing keeps a program alive
    /// for it. The interrupt flag is kept.
    public void awaitTold() {
        if (kept.isEmpty()) {
            return;
        }
        boolean interrupted = Thread.interrupted();
        try {
            PolderEvents.awaitDelivered(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /// The first findings, the oldest first.
    public List<String> kept() {
        return List.copyOf(kept);
    }

    /// How many there were.
    public long count() {
        return count.get();
    }
}
