package dev.polder.museum;

import java.util.ArrayList;
import java.util.List;

/// A consumer asks the task's memory manager for memory under its own lock; the manager, under its
/// lock, makes other consumers spill, and they need theirs.
public final class Spark49133 {
    private Spark49133() {}

    /// The task's memory manager of the faulty program.
    public static final class BugManager {
        private final List<BugConsumer> consumers = new ArrayList<>();

        synchronized void join(BugConsumer c) {
            consumers.add(c);
        }

        synchronized void acquire(BugConsumer forWhom) {
            for (BugConsumer c : consumers) {
                if (c != forWhom) {
                    c.spill();
                }
            }
        }
    }

    /// A consumer of the faulty program.
    public static final class BugConsumer {
        private final BugManager manager;
        int rows;

        BugConsumer(BugManager manager) {
            this.manager = manager;
        }

        synchronized void insert() {
            manager.acquire(this);
            rows++;
        }

        synchronized void spill() {
            rows = 0;
        }
    }

    /// Two consumers that never run at the same time.
    public static final class Bug implements Runnable {
        @Override
        public void run() {
            BugManager manager = new BugManager();
            BugConsumer a = new BugConsumer(manager);
            manager.join(a);
            a.insert();
            BugConsumer b = new BugConsumer(manager);
            manager.join(b);
            manager.acquire(b);
        }
    }

    /// The manager of the mended program.
    public static final class MendedManager {
        private final List<MendedConsumer> consumers = new ArrayList<>();

        synchronized void join(MendedConsumer c) {
            consumers.add(c);
        }

        synchronized void acquire(MendedConsumer forWhom) {
            for (MendedConsumer c : consumers) {
                if (c != forWhom) {
                    c.spill();
                }
            }
        }
    }

    /// A consumer that asks before it locks.
    public static final class MendedConsumer {
        private final MendedManager manager;
        int rows;

        MendedConsumer(MendedManager manager) {
            this.manager = manager;
        }

        void insert() {
            manager.acquire(this);
            synchronized (this) {
                rows++;
            }
        }

        synchronized void spill() {
            rows = 0;
        }
    }

    /// The same two consumers.
    public static final class Mended implements Runnable {
        @Override
        public void run() {
            MendedManager manager = new MendedManager();
            MendedConsumer a = new MendedConsumer(manager);
            MendedConsumer b = new MendedConsumer(manager);
            manager.join(a);
            manager.join(b);
            a.insert();
            b.insert();
        }
    }
}
