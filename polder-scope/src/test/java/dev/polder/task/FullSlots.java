package dev.polder.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Threads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Runs work on a thread both of whose slots are taken by threads that live.
///
/// Ids grow by one with each thread that is made, started or not, so the slots of an id are known
/// before it is given out. When another thread got the id, the next one is tried.
final class FullSlots {
    private static final int ATTEMPTS = 100;

    private FullSlots() {}

    static void run(Runnable work) throws Exception {
        for (int i = 0; i < ATTEMPTS; i++) {
            if (tryRun(work)) {
                return;
            }
        }
        throw new AssertionError("somebody else always got the id");
    }

    private static boolean tryRun(Runnable work) throws Exception {
        CountDownLatch leave = new CountDownLatch(1);
        List<Thread> started = new ArrayList<>();
        try {
            // Far enough that the two that take the slots come first
            long id = ThreadKind.id(new Thread()) + 3L * Task.SLOTS;
            for (long slot : new long[] {id % Task.SLOTS, Task.secondWay(id)}) {
                CountDownLatch known = new CountDownLatch(1);
                Thread holder = threadOf(slot, Task.SLOTS, () -> {
                    Task.current();
                    known.countDown();
                    await(leave);
                });
                if (holder == null) {
                    return false;
                }
                holder.start();
                started.add(holder);
                await(known);
            }
            FutureTask<Void> task = new FutureTask<>(work, null);
            Thread thread = threadOf(id, Long.MAX_VALUE, task);
            if (thread == null) {
                return false;
            }
            thread.start();
            started.add(thread);
            task.get(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS);
            return true;
        } finally {
            leave.countDown();
            for (Thread thread : started) {
                Threads.end(thread);
            }
        }
    }

    /// Makes threads until the id of one is `wanted`, modulo `modulus`; null if none comes.
    private static @Nullable Thread threadOf(long wanted, long modulus, Runnable work) {
        for (int i = 0; i < 4 * Task.SLOTS; i++) {
            Thread thread = new Thread(work);
            if (ThreadKind.id(thread) % modulus == wanted) {
                return thread;
            }
        }
        return null;
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
