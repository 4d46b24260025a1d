package dev.polder.reclaim;

import dev.polder.gfp.Gfp;
import dev.polder.task.Task;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// One balance run as kswapd makes it, on a thread of its own, when a test says so and to its end.
public final class BackgroundRun {
    private BackgroundRun() {
    }

    /// Runs once for a block of `order`.
    public static void of(Vmscan vmscan, int order) {
        AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
        Thread thread = new KernelThread(() -> balance(vmscan, order), "polder-kswapd-once");
        thread.setUncaughtExceptionHandler((_, t) -> thrown.set(t));
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while background reclaim runs", e);
        }
        Throwable t = thrown.get();
        if (t != null) {
            throw new AssertionError("background reclaim threw", t);
        }
    }

    private static void balance(Vmscan vmscan, int order) {
        Task task = Task.current();
        int token = task.enterReclaim();
        ScanControl sc = vmscan.controls().take();
        sc.begin(task, Gfp.KERNEL, StallKind.NORMAL, true, null);
        try {
            vmscan.balance(sc, order, () -> false);
        } finally {
            sc.end();
            vmscan.controls().give(sc);
            task.leaveReclaim(token);
        }
    }
}
