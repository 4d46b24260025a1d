package dev.polder.gfp;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The reporting side of `PolderEvents`: every call becomes one entry of the bounded queue. Text is
/// made on the other side.
final class HandOver implements PolderEvents {
    /// How long a caller waits for the listener where the program may end next: far longer than to
    /// write a line takes, and no longer than a person waits for a program to end.
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

    static final HandOver REPORTER = new HandOver(EventQueue.INSTANCE);

    private final EventQueue queue;

    HandOver(EventQueue queue) {
        this.queue = queue;
    }

    @Override
    public void scopeLeaked(String thread, String scopes) {
        queue.offer(to -> to.scopeLeaked(thread, scopes));
    }

    @Override
    public void tokenCrossed(String thread, String what) {
        queue.offer(to -> to.tokenCrossed(thread, what));
    }

    @Override
    public void scopeOpenTooLong(String thread, String scope, long seconds) {
        queue.offer(to -> to.scopeOpenTooLong(thread, scope, seconds));
    }

    @Override
    public void stall(
            String pool, Thread thread, int order, int gfp, @Nullable Object scope, long millis) {
        queue.offer(to -> to.stall(pool, thread, order, gfp, scope, millis));
    }

    @Override
    public void waitsFor(String pool, Thread thread, Object whom) {
        queue.offer(to -> to.waitsFor(pool, thread, whom));
    }

    @Override
    public void shrinkerThrew(
            String pool, String shrinker, Throwable thrown, boolean quarantined) {
        queue.offer(to -> to.shrinkerThrew(pool, shrinker, thrown, quarantined));
    }

    @Override
    public void shrinkerStuck(String pool, String shrinker, String detail, long millis) {
        queue.offer(to -> to.shrinkerStuck(pool, shrinker, detail, millis));
    }

    @Override
    public void nofailMisuse(String pool, Thread thread, int order, int gfp, String why) {
        queue.offer(to -> to.nofailMisuse(pool, thread, order, gfp, why));
    }

    @Override
    public void outOfMemory(String pool, int order, int gfp, String decision) {
        queue.offer(to -> to.outOfMemory(pool, order, gfp, decision));
    }

    @Override
    public void blockingOnEventLoop(String pool, Thread thread, int gfp, String action) {
        queue.offer(to -> to.blockingOnEventLoop(pool, thread, gfp, action));
    }

    @Override
    public void wrongSetting(String what) {
        queue.deliver(to -> to.wrongSetting(what), PATIENCE_NANOS);
    }

    @Override
    public void corruption(String pool, String finding) {
        queue.offer(to -> to.corruption(pool, finding));
    }

    @Override
    public void leftAllocated(String pool, String what) {
        queue.deliver(to -> to.leftAllocated(pool, what), PATIENCE_NANOS);
    }

    @Override
    public void trouble(String pool, String what, @Nullable Throwable thrown) {
        queue.offer(to -> to.trouble(pool, what, thrown));
    }
}
