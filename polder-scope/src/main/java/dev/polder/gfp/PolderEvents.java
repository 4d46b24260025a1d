package dev.polder.gfp;

import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Hears of what goes wrong around memory: leaked and crossed scopes, stalls, shrinkers that throw.
///
/// Implement the methods of interest and give the object to `listen`. Each method's default writes
/// one line to the System.Logger "dev.polder", at most one of its kind per 10 s, with the number
/// suppressed; [#leftAllocated], [#corruption] and [#wrongSetting] are written each time. Events
/// are delivered one at a time on one daemon thread, never on the thread that had the trouble; a
/// listener that throws is reported and called again for the next event.
///
/// Polder's modules report through `reporter()`, which takes the same calls and hands them over: it
/// neither blocks nor logs, and when the listener is too slow the oldest news is kept and the
/// newest counted as dropped. `leftAllocated` and `wrongSetting` differ again, since the program
/// may end next: they are never dropped, and their calls wait, for 5 s at most, until they were
/// delivered. A listener that has not begun with one by then does not get it; the log does.
public interface PolderEvents {
    /// A thread ended, or a handed-over task returned, inside a scope or exclusion.
    ///
    /// @param thread the thread's name
    /// @param scopes what was open, with reasons and places
    default void scopeLeaked(String thread, String scopes) {
        EventLog.of(EventLog.Kind.SCOPE_LEAKED).warn(
                () -> "thread " + thread + " ended, or its task returned, inside " + scopes);
    }

    /// A `Memalloc` token was given back out of order, twice, or to another family. The thread's
    /// scopes are now as Linux would have left them (B4), which is probably not what was meant.
    ///
    /// @param thread the thread's name
    /// @param what the call and what the thread is inside
    default void tokenCrossed(String thread, String what) {
        EventLog.of(EventLog.Kind.TOKEN_CROSSED).warn(
                () -> "crossed token on thread " + thread + ": " + what);
    }

    /// A scope has been open for so long that it was probably forgotten.
    ///
    /// @param thread the thread's name
    /// @param scope the outermost open scope
    /// @param seconds for at least how long
    default void scopeOpenTooLong(String thread, String scope, long seconds) {
        EventLog.of(EventLog.Kind.SCOPE_OPEN_TOO_LONG).warn(() -> "thread " + thread
                + " has been inside " + scope + " for " + seconds + " s");
    }

    /// A thread has been waiting for memory for long.
    ///
    /// @param pool the pool's name
    /// @param thread the waiting thread
    /// @param order log2 of the frames asked for
    /// @param gfp the effective mask
    /// @param scope the innermost scope or guard (`ScopeSite`, or the reason), or null
    /// @param millis waited so far
    default void stall(
            String pool, Thread thread, int order, int gfp, @Nullable Object scope, long millis) {
        EventLog.of(EventLog.Kind.STALL).warn(() -> "pool " + pool + ": thread " + thread.getName()
                + " waits for memory since " + millis + " ms: order " + order + ", "
                + Gfp.toString(gfp) + (scope == null ? ", no scope" : ", inside " + scope));
    }

    /// On whom the thread depends that a [#stall] was told of just before.
    ///
    /// @param pool the pool's name
    /// @param thread the waiting thread
    /// @param whom says it as text: the memory group that was failed to make way, or else the
    ///     holders of the memory; of the moment when it is read
    default void waitsFor(String pool, Thread thread, Object whom) {
        EventLog.of(EventLog.Kind.WAITS_FOR).warn(() -> "pool " + pool + ": thread "
                + thread.getName() + " waits for " + whom);
    }

    /// A shrinker threw; the throw counted as STOP.
    ///
    /// @param pool the pool's name
    /// @param shrinker the shrinker's name
    /// @param thrown what it threw
    /// @param quarantined whether it is not called any more
    default void shrinkerThrew(
            String pool, String shrinker, Throwable thrown, boolean quarantined) {
        EventLog.of(EventLog.Kind.SHRINKER_THREW).warn(() -> "pool " + pool + ": shrinker "
                + shrinker + " threw " + thrown + (quarantined ? "; it is quarantined" : ""));
    }

    /// A shrinker does not come back in background reclaim; it is skipped until it does.
    ///
    /// @param pool the pool's name
    /// @param shrinker the shrinker's name
    /// @param detail what its thread waits for, and who owns that
    /// @param millis since when
    default void shrinkerStuck(String pool, String shrinker, String detail, long millis) {
        EventLog.of(EventLog.Kind.SHRINKER_STUCK).warn(() -> "pool " + pool + ": shrinker "
                + shrinker + " has not returned for " + millis + " ms: " + detail);
    }

    /// NOFAIL was asked for where it cannot be kept (D17).
    ///
    /// @param pool the pool's name
    /// @param thread the asking thread
    /// @param order log2 of the frames asked for
    /// @param gfp the effective mask
    /// @param why what it lacks
    default void nofailMisuse(String pool, Thread thread, int order, int gfp, String why) {
        EventLog.of(EventLog.Kind.NOFAIL_MISUSE).warn(() -> "pool " + pool + ": thread "
                + thread.getName() + " asks for order " + order + " with " + Gfp.toString(gfp)
                + ", which may fail: " + why);
    }

    /// A pool ran out of memory and the out-of-memory policy decided.
    ///
    /// @param pool the pool's name
    /// @param order log2 of the frames asked for
    /// @param gfp the effective mask
    /// @param decision whom it chose, or that it found nobody
    default void outOfMemory(String pool, int order, int gfp, String decision) {
        EventLog.of(EventLog.Kind.OUT_OF_MEMORY).warn(() -> "pool " + pool
                + ": out of memory at order " + order + ", " + Gfp.toString(gfp) + ": " + decision);
    }

    /// A request that could block was made on a thread declared non-blocking.
    ///
    /// @param pool the pool's name
    /// @param thread the thread
    /// @param gfp the request's mask
    /// @param action what was done about it
    default void blockingOnEventLoop(String pool, Thread thread, int gfp, String action) {
        EventLog.of(EventLog.Kind.BLOCKING_ON_EVENT_LOOP).warn(() -> "pool " + pool + ": "
                + Gfp.toString(gfp) + " on the non-blocking thread " + thread.getName()
                + ": " + action);
    }

    /// A setting from outside, such as a system property, means nothing and is ignored.
    ///
    /// @param what its name, its value, what it may be and what holds instead
    default void wrongSetting(String what) {
        EventLog.of(EventLog.Kind.WRONG_SETTING).warn(() -> what);
    }

    /// Debug mode or the sampler found memory that was written to after its free or past its end.
    /// Told of the first 100 findings of a pool, which `Polder.findings()` keeps.
    ///
    /// @param pool the pool's name
    /// @param finding what was found, where, and with the stacks that are known
    default void corruption(String pool, String finding) {
        EventLog.of(EventLog.Kind.CORRUPTION).warn(() -> "pool " + pool + ": " + finding);
    }

    /// A pool was closed while allocations were in use.
    ///
    /// @param pool the pool's name
    /// @param what how many, and the largest of each kind, a line each
    default void leftAllocated(String pool, String what) {
        EventLog.of(EventLog.Kind.LEFT_ALLOCATED).warn(() -> "pool " + pool + ": " + what);
    }

    /// Trouble inside Polder that was survived: a background thread that died, a listener that
    /// threw.
    ///
    /// @param pool the pool's name; empty when it concerns none
    /// @param what what happened and what was done
    /// @param thrown the cause, or null
    default void trouble(String pool, String what, @Nullable Throwable thrown) {
        EventLog.of(EventLog.Kind.TROUBLE).warn(() -> (pool.isEmpty() ? "" : "pool " + pool + ": ")
                + what + (thrown == null ? "" : ": " + thrown));
    }

    /// Sets the process's one listener, since scopes are per thread across pools; null for the
    /// default, which logs.
    ///
    /// @return the listener before, null when it was the default
    static @Nullable PolderEvents listen(@Nullable PolderEvents listener) {
        return EventQueue.INSTANCE.listen(listener);
    }

    /// Where trouble is reported: hands each call to the listener's thread.
    static PolderEvents reporter() {
        return HandOver.REPORTER;
    }

    /// Waits until everything reported so far has been delivered, or the time is over; for tests
    /// and orderly shutdown. A listener that asks inside an event is told false at once.
    ///
    /// @return whether it has
    static boolean awaitDelivered(long time, TimeUnit unit) throws InterruptedException {
        Objects.requireNonNull(unit, "unit");
        return EventQueue.INSTANCE.awaitDelivered(unit.toNanos(time));
    }

    /// Events not delivered because the listener was too slow.
    static long dropped() {
        return EventQueue.INSTANCE.dropped();
    }
}
