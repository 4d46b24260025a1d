package dev.polder.page;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.os.Clock;
import dev.polder.task.Task;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Tells of threads that wait for memory, and of NOFAIL where it cannot be kept. Linux says nothing
/// while a NOFS request loops (row D16), which is how such hangs stay unexplained.
final class StallWatch {
    /// A wait is reported once it is this old, and then at most once in as long.
    private static final long FIRST_REPORT_NANOS = 1_000_000_000L;
    private static final long NANOS_PER_MILLI = 1_000_000L;

    private final String pool;
    private final Clock clock;
    private final Object awaited;
    private volatile Supplier<@Nullable String> above = () -> null;
    private final AtomicLong nextReport = new AtomicLong(Long.MIN_VALUE);
    private final AtomicBoolean toldNoDirect = new AtomicBoolean();
    private final AtomicBoolean toldInReclaim = new AtomicBoolean();

    StallWatch(PageAllocator.Parts parts, Victims victims) {
        this.pool = parts.pool();
        this.clock = parts.clock();
        this.awaited = new Awaited(parts.root(), parts.shrinkers(), victims, () -> above.get());
    }

    /// Names who knows what the layers above hold most of.
    void above(Supplier<@Nullable String> holder) {
        above = holder;
    }

    /// Reports the current thread's wait since `start` if it is long; for one pool at most once a
    /// second, so that a crowd of waiters does not drown the rest.
    void check(long start, Task task, int order, int gfp) {
        long now = clock.nanos();
        long waited = now - start;
        if (waited < FIRST_REPORT_NANOS) {
            return;
        }
        long due = nextReport.get();
        if ((due == Long.MIN_VALUE || now - due >= 0)
                && nextReport.compareAndSet(due, now + FIRST_REPORT_NANOS)) {
            PolderEvents.reporter().stall(pool, Thread.currentThread(), order, gfp,
                    task.innermostSite(), waited / NANOS_PER_MILLI);
            PolderEvents.reporter().waitsFor(pool, Thread.currentThread(), awaited);
        }
    }

    /// D17: NOFAIL without DIRECT may fail; inside reclaim it can only wait for others.
    void nofailMisuse(int order, int gfp) {
        boolean noDirect = !Gfp.allowsBlocking(gfp);
        AtomicBoolean told = noDirect ? toldNoDirect : toldInReclaim;
        if (told.compareAndSet(false, true)) {
            PolderEvents.reporter().nofailMisuse(pool, Thread.currentThread(), order, gfp, noDirect
                    ? "without DIRECT_RECLAIM it may not wait, so it may fail"
                    : "inside reclaim nothing can be reclaimed for it; it waits for others");
        }
    }
}
