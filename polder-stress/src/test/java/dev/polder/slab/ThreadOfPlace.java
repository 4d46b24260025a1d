package dev.polder.slab;

import dev.polder.task.Task;
import java.util.concurrent.CountDownLatch;

/// A thread whose sheaves stand in a certain place of [SheafTable]. A class to itself: it runs
/// while its users are being set up.
final class ThreadOfPlace {
    /// Ids that are tried: more than a table has places.
    private static final int MOST = 20_000;

    private ThreadOfPlace() {}

    /// What is known of a thread whose sheaves for the cache with that key stand in `place`, and
    /// that lives on, or has ended.
    static Task find(long cacheKey, int place, boolean living) {
        Task[] task = new Task[1];
        CountDownLatch known = new CountDownLatch(1);
        CountDownLatch never = new CountDownLatch(living ? 1 : 0);
        Runnable body = () -> {
            task[0] = Task.current();
            known.countDown();
            await(never);
        };
        Thread t = new Thread(body);
        for (int i = 0; i < MOST && SheafTable.place(cacheKey + t.threadId()) != place; i++) {
            t = new Thread(body);
        }
        t.setDaemon(true);
        t.start();
        await(known);
        if (!living) {
            join(t);
        }
        return task[0];
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while a test was being set up", e);
        }
    }

    private static void join(Thread t) {
        try {
            t.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while a test was being set up", e);
        }
    }
}
