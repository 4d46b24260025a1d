package dev.polder.gfp;

import dev.polder.task.CarriedScopes;
import dev.polder.task.Task;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;

/// What a thread is inside of, to take along to another: its scopes, the domains it excludes, and
/// its memory group; taken inside reclaim, noreclaim too.
///
/// Scopes do not follow work handed to another thread (B13). They must when the submitter waits for
/// the work while it holds what the scopes stand for: then reclaim on the worker would deadlock as
/// reclaim on the submitter would (B14).
///
/// The worker is inside its own scopes and the carried ones together, and is afterwards exactly as
/// before. A snapshot is immutable and may run on many threads at once.
public final class ScopeSnapshot {
    static {
        Wiring.touch();
    }

    private final CarriedScopes carried;

    private ScopeSnapshot(CarriedScopes carried) {
        this.carried = carried;
    }

    /// A snapshot of the current thread.
    public static ScopeSnapshot capture() {
        return new ScopeSnapshot(CarriedScopes.of(Task.current()));
    }

    /// The task, run inside the snapshot wherever it runs. A task that returns inside a scope which
    /// it opened is reported, and the scope ends there.
    public Runnable wrap(Runnable task) {
        Objects.requireNonNull(task, "task");
        return () -> {
            CarriedScopes.Stay stay = carried.enter(Task.current());
            try {
                task.run();
            } finally {
                stay.leave();
            }
        };
    }

    /// As `wrap(Runnable)`, for a task with a result.
    public <T> Callable<T> wrap(Callable<T> task) {
        Objects.requireNonNull(task, "task");
        return () -> {
            CarriedScopes.Stay stay = carried.enter(Task.current());
            try {
                return task.call();
            } finally {
                stay.leave();
            }
        };
    }

    /// An executor that takes a snapshot at each submit and runs the task inside it: for work that
    /// the submitter waits for. Also for the `…Async` methods of CompletableFuture.
    public static Executor propagating(Executor executor) {
        Objects.requireNonNull(executor, "executor");
        return task -> executor.execute(capture().wrap(task));
    }

    /// What the snapshot carries, in words.
    @Override
    public String toString() {
        return "ScopeSnapshot[" + carried + "]";
    }
}
