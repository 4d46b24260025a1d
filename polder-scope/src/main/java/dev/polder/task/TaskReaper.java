package dev.polder.task;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Finds threads that ended inside a scope, and scopes that are open for too long.
///
/// No thread tells when it ends, so the threads that ever opened a scope are polled: by one daemon,
/// started when the first of them appears, and by `Task.reap()`.
final class TaskReaper implements Runnable {
    /// Half of the 10 s within which a leak must be reported.
    static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(5);

    /// New threads that wake the daemon early: bounds what a storm of short virtual threads leaves
    /// behind between two polls to about a megabyte.
    static final int STORM = 4096;

    /// Seconds after which an open scope is reported once; 0 switches the report off. A minute is
    /// far above any lock's hold time and below a night.
    static final long TOO_LONG_SECONDS = Long.getLong("dev.polder.scope.openTooLongSeconds", 60L);

    private static final TaskReaper INSTANCE = new TaskReaper();

    private final ReentrantLock lock = new ReentrantLock();

    // Guarded by lock.
    private final List<Task> watched = new ArrayList<>();
    private int newcomers;
    private int foundSinceReap;
    private @Nullable Thread daemon;

    private TaskReaper() {}

    /// Adds a task that opened its first scope. Called once per thread, by the owner.
    static void watch(Task task) {
        INSTANCE.add(task);
    }

    static int reap(long now) {
        TaskReaper r = INSTANCE;
        r.lock.lock();
        try {
            r.poll(now);
            int found = r.foundSinceReap;
            r.foundSinceReap = 0;
            return found;
        } finally {
            r.lock.unlock();
        }
    }

    private void add(Task task) {
        Thread wake = null;
        lock.lock();
        try {
            watched.add(task);
            if (daemon == null) {
                start();
            } else if (watched.size() == 1 || ++newcomers >= STORM) {
                newcomers = 0;
                wake = daemon;
            }
        } finally {
            lock.unlock();
        }
        LockSupport.unpark(wake);
    }

    /// Starts the daemon. Opening a scope must not fail because no thread can be had for reports:
    /// the next thread that opens one tries again.
    private void start() {
        try {
            Thread t = new Thread(null, this, "polder-scopes", 0, false);
            t.setDaemon(true);
            t.setContextClassLoader(null);
            t.start();
            daemon = t;
        } catch (OutOfMemoryError noThread) {
            daemon = null;
        }
    }

    @Override
    public void run() {
        for (;;) {
            boolean idle;
            lock.lock();
            try {
                poll(System.nanoTime());
                idle = watched.isEmpty();
            } finally {
                lock.unlock();
            }
            if (idle) {
                LockSupport.park(this);
            } else {
                LockSupport.parkNanos(this, PERIOD_NANOS);
            }
            Thread.interrupted(); // nobody's business here, and it would make park return at once
        }
    }

    private void poll(long now) {
        int kept = 0;
        for (int i = 0; i < watched.size(); i++) {
            Task task = watched.get(i);
            if (task.ended()) {
                bury(task);
            } else {
                watched.set(kept++, task);
                look(task, now);
            }
        }
        watched.subList(kept, watched.size()).clear();
        UnsettledTasks.sweep();
    }

    private void bury(Task task) {
        Task.vacate(task);
        if (task.depth() == 0 && !task.excludesAny()) {
            return;
        }
        foundSinceReap++;
        ScopeReports reports = ScopeReports.get();
        if (reports != null) {
            reports.leaked(task.ownerName(), task.describeScopes());
        }
    }

    private void look(Task task, long now) {
        long outermost = task.outermost();
        if (outermost != task.seenSerial || outermost == 0) {
            task.seenSerial = outermost;
            task.seenNanos = now;
            task.toldTooLong = false;
            return;
        }
        long seconds = TimeUnit.NANOSECONDS.toSeconds(now - task.seenNanos);
        if (!task.toldTooLong && TOO_LONG_SECONDS > 0 && seconds >= TOO_LONG_SECONDS) {
            task.toldTooLong = true;
            ScopeReports reports = ScopeReports.get();
            if (reports != null) {
                reports.openTooLong(task.ownerName(), task.describeOutermost(), seconds);
            }
        }
    }
}
