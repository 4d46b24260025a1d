package dev.polder.reclaim;

import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;

/// A thread that reclaims, and what came of it.
final class Reclaimer<T> {

    final Thread thread;
    private final FutureTask<T> result;

    private Reclaimer(Callable<T> body, boolean virtual) {
        result = new FutureTask<>(body);
        thread = virtual ? Thread.ofVirtual().unstarted(result)
                : Thread.ofPlatform().unstarted(result);
        thread.start();
    }

    static <T> Reclaimer<T> start(Callable<T> body) {
        return new Reclaimer<>(body, false);
    }

    static <T> Reclaimer<T> startVirtual(Callable<T> body) {
        return new Reclaimer<>(body, true);
    }

    boolean done() {
        return result.isDone();
    }

    /// What the body returned; waits for it.
    T join() throws Exception {
        return result.get();
    }
}
