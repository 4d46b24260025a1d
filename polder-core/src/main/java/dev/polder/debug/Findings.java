package dev.polder.debug;

import dev.polder.gfp.PolderEvents;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/// What debug mode and the sampler found in one pool. Each finding is also told as an event.
///
/// Threads: any.
public final class Findings {
    /// Findings that are kept; the first ones tell most, what follows is often their consequence.
    static final int MAX_KEPT = 100;

    private final String pool;
    private final List<String> kept = new CopyOnWriteArrayList<>();
    private final AtomicLong count = new AtomicLong();

    /// No findings yet.
    ///
    /// @param pool the pool's name
    public Findings(String pool) {
        this.pool = pool;
    }

    /// Adds one and tells of it; for damage that the current thread has not done.
    public void add(String text) {
        count.incrementAndGet();
        if (kept.size() < MAX_KEPT) {
            kept.add(text);
        }
        PolderEvents.reporter().trouble(pool, text, null);
    }

    /// Adds one and makes it an exception; for damage to what the current thread gives back.
    public MemoryCorruptedException thrown(String text) {
        add(text);
        return new MemoryCorruptedException(text);
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
