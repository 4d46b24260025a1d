package dev.polder.slab;

import dev.polder.task.Task;

/// A thread that has ended. A class to itself: it must be there while its users' are being set up.
final class EndedThread {
    private EndedThread() {}

    /// What is known of it.
    static Task task() {
        Task[] task = new Task[1];
        Thread t = new Thread(() -> task[0] = Task.current());
        t.start();
        try {
            t.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted before the test began", e);
        }
        return task[0];
    }
}
