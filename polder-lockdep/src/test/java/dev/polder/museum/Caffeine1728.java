package dev.polder.museum;

import java.util.concurrent.locks.ReentrantLock;

/// A value is computed under its entry's lock, and the computation writes to the same cache, whose
/// full write buffer makes the writer do the eviction under the eviction lock; eviction, under that
/// lock, takes the lock of the entry that it throws out.
public final class Caffeine1728 {
    private Caffeine1728() {}

    /// An entry of the faulty cache.
    public static final class BugEntry {
        int value;
    }

    /// An entry of the mended cache.
    public static final class MendedEntry {
        int value;
    }

    /// The computation writes.
    public static final class Bug implements Runnable {
        private final ReentrantLock eviction = new ReentrantLock();
        private final BugEntry first = new BugEntry();
        private final BugEntry second = new BugEntry();

        @Override
        public void run() {
            evict(second);
            synchronized (first) { // compute
                first.value = 1;
                evict(null); // the nested write finds the buffer full, and this entry is no victim
            }
        }

        private void evict(@org.jspecify.annotations.Nullable BugEntry victim) {
            eviction.lock();
            try {
                if (victim != null) {
                    synchronized (victim) {
                        victim.value = 0;
                    }
                }
            } finally {
                eviction.unlock();
            }
        }
    }

    /// The computation writes nothing; the write comes after it.
    public static final class Mended implements Runnable {
        private final ReentrantLock eviction = new ReentrantLock();
        private final MendedEntry first = new MendedEntry();

        @Override
        public void run() {
            synchronized (first) {
                first.value = 1;
            }
            eviction.lock();
            try {
                synchronized (first) {
                    first.value = 0;
                }
            } finally {
                eviction.unlock();
            }
        }
    }
}
