package dev.polder.cli.load;

import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Decides whether the run is deadlocked: no operation ended for two seconds, and there is a wait
/// chain that closes. Slow alone is not deadlocked.
final class Watch {

    /// What an operation may take and still be one.
    static final long QUIET_NANOS = 2_000_000_000L;

    private final LongSupplier ended;
    private final Supplier<@Nullable String> chain;
    private long lastEnded = -1;
    private long sinceNanos;

    /// @param ended operations that ended so far
    /// @param chain the story of a chain that closes; null if there is none
    Watch(LongSupplier ended, Supplier<@Nullable String> chain) {
        this.ended = ended;
        this.chain = chain;
    }

    /// Looks once.
    ///
    /// @param busy whether anybody is inside an operation
    /// @return the story of the deadlock, or null
    @Nullable String look(long nowNanos, boolean busy) {
        long now = ended.getAsLong();
        if (now != lastEnded || !busy) {
            lastEnded = now;
            sinceNanos = nowNanos;
            return null;
        }
        if (nowNanos - sinceNanos < QUIET_NANOS) {
            return null;
        }
        String story = chain.get();
        return story == null ? null : String.format(java.util.Locale.ROOT,
                "No operation ended for %.1f s, and the wait chain closes:%n%s",
                (nowNanos - sinceNanos) / 1e9, story);
    }

    /// For how long no operation has ended.
    long quietNanos(long nowNanos) {
        return nowNanos - sinceNanos;
    }
}
