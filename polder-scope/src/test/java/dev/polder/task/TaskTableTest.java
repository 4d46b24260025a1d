package dev.polder.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Threads;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@SuppressWarnings("ReferenceEquality") // a thread has one task, this very one
class TaskTableTest {
    @Test
    void platformThreadsAreFoundInTheTable() throws Exception {
        assertThat(Threads.on(() -> Task.current().settled())).isTrue();
    }

    @Test
    @Tag("newer-java")
    void virtualThreadsNeverEnterTheTable() throws Exception {
        for (int i = 0; i < 100; i++) {
            assertThat(Threads.on(true, () -> {
                Task task = Task.current();
                assertThat(Task.current()).isSameAs(task);
                return task.settled();
            })).isFalse();
        }
    }

    /// Three live threads for two slots at most: whoever came first stays, all have their own task.
    @Test
    void aSlotKeepsItsLiveOwner() throws Exception {
        CountDownLatch leave = new CountDownLatch(1);
        List<Thread> holders = new ArrayList<>();
        List<Task> tasks = new ArrayList<>();
        AtomicInteger failures = new AtomicInteger();
        long wanted = -1;
        // Only threads with the same first way are kept; ids grow by one with each thread made.
        for (int made = 0; holders.size() < 3 && made < 5 * Task.SLOTS; made++) {
            CountDownLatch known = new CountDownLatch(1);
            Thread thread = new Thread(() -> {
                Task mine = Task.current();
                synchronized (tasks) {
                    tasks.add(mine);
                }
                known.countDown();
                await(leave);
                if (Task.current() != mine || mine.thread() != Thread.currentThread()) {
                    failures.incrementAndGet();
                }
            });
            long slot = ThreadKind.id(thread) % Task.SLOTS;
            if (wanted < 0 || slot == wanted) {
                wanted = slot;
                thread.start();
                known.await();
                holders.add(thread);
            }
        }
        assertThat(tasks).hasSize(3).doesNotHaveDuplicates();
        assertThat(tasks.get(0).settled()).isTrue();
        leave.countDown();
        for (Thread thread : holders) {
            Threads.end(thread);
        }
        assertThat(failures).hasValue(0);
        assertThat(tasks.get(0).settled()).as("until the slot is wanted").isTrue();
        Task.vacate(tasks.get(0));
        assertThat(tasks.get(0).settled()).isFalse();
    }

    /// Some fork-join workers lose their thread-locals between two of their tasks.
    @Test
    void aThreadWithoutASlotKeepsItsTaskWhenItsThreadLocalsAreErased() throws Exception {
        FullSlots.run(() -> {
            Task task = Task.current();
            assertThat(task.settled()).as("the premise").isFalse();
            int token = task.saveFlags(Task.NOFS);
            Task.LOCAL.remove();
            assertThat(Task.current()).isSameAs(task);
            assertThat(Task.current().flags()).isEqualTo(Task.NOFS);
            task.restoreFlags(token);
        });
    }

    @Test
    void threadsThatEndedAreNotRememberedForThat() throws Exception {
        Task.reap();
        int before = UnsettledTasks.size();
        FullSlots.run(() -> {
            Task.current();
            assertThat(UnsettledTasks.size()).as("the premise").isGreaterThan(before);
        });
        Task.reap();
        assertThat(UnsettledTasks.size()).isLessThanOrEqualTo(before);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /// Many threads, long and short, looking each other's slots over: each must find its own task
    /// every time, and nobody's word may show on another.
    @Test
    void everyThreadFindsItsOwnTask() throws Exception {
        int threads = 8;
        Set<Task> seen = ConcurrentHashMap.newKeySet();
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        CyclicBarrier start = new CyclicBarrier(threads);
        List<Thread> all = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            int word = 1 + t % 7;
            Thread thread = new Thread(() -> {
                try {
                    start.await();
                    churn(word, seen);
                } catch (Throwable thrown) {
                    failures.add(thrown);
                }
            });
            all.add(thread);
            thread.start();
        }
        for (Thread thread : all) {
            Threads.end(thread);
        }
        assertThat(failures).isEmpty();
        assertThat(seen).hasSize(threads * 51);
    }

    private static void churn(int word, Set<Task> seen) throws Exception {
        Task mine = Task.current();
        assertThat(seen.add(mine)).isTrue();
        int token = mine.saveFlags(word);
        for (int round = 0; round < 50; round++) {
            Thread child = new Thread(() -> {
                Task task = Task.current();
                if (task.flags() != 0 || !seen.add(task)) {
                    throw new AssertionError("a new thread has an old task");
                }
            });
            child.start();
            for (int i = 0; i < 1000; i++) {
                if (Task.current() != mine || mine.flags() != word) {
                    throw new AssertionError("lost in round " + round);
                }
            }
            child.join();
        }
        mine.restoreFlags(token);
    }

    @Test
    void deadThreadsCanBeCollected() throws Exception {
        WeakReference<Thread> gone = new WeakReference<>(runOne());
        for (int i = 0; i < 100 && gone.get() != null; i++) {
            System.gc();
            gone.get();
        }
        assertThat(gone.get()).as("the table keeps tasks, not threads").isNull();
    }

    private static Thread runOne() throws Exception {
        Thread thread = new Thread(Task::current);
        thread.start();
        Threads.end(thread);
        return thread;
    }

    @Test
    void idsAreTheThreadsOwn() throws Exception {
        assertThat(Task.current().threadId()).isEqualTo(ThreadKind.id(Thread.currentThread()));
        // Before Java 19 an id could be overridden; the owner is compared by identity, so nobody is
        // taken for somebody else.
        Task[] found = new Task[1];
        long mine = Task.current().threadId();
        Thread disguised = new Thread(() -> found[0] = Task.current()) {
            @Override
            @SuppressWarnings("deprecation")
            public long getId() {
                return mine;
            }
        };
        disguised.start();
        Threads.end(disguised);
        assertThat(found[0]).isNotSameAs(Task.current());
        assertThat(Task.current().thread()).isSameAs(Thread.currentThread());
    }
}
