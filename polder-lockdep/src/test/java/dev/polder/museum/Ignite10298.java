package dev.polder.museum;

import java.util.concurrent.locks.ReentrantReadWriteLock;

/// Who starts a cache holds the checkpoint lock for reading and needs the lock on its meta data;
/// the checkpointer has that lock and waits for the checkpoint lock for writing.
public final class Ignite10298 {
    private Ignite10298() {}

    /// The two orders.
    public static final class Bug implements Runnable {
        private final ReentrantReadWriteLock checkpoint = new ReentrantReadWriteLock();
        private final Object meta = new Object();
        int pages;

        @Override
        public void run() {
            startCache();
            checkpoint();
        }

        private void startCache() {
            checkpoint.readLock().lock();
            try {
                synchronized (meta) {
                    pages++;
                }
            } finally {
                checkpoint.readLock().unlock();
            }
        }

        private void checkpoint() {
            synchronized (meta) {
                checkpoint.writeLock().lock();
                try {
                    pages = 0;
                } finally {
                    checkpoint.writeLock().unlock();
                }
            }
        }
    }

    /// The checkpoint lock always comes first.
    public static final class Mended implements Runnable {
        private final ReentrantReadWriteLock checkpoint = new ReentrantReadWriteLock();
        private final Object meta = new Object();
        int pages;

        @Override
        public void run() {
            checkpoint.readLock().lock();
            try {
                synchronized (meta) {
                    pages++;
                }
            } finally {
                checkpoint.readLock().unlock();
            }
            checkpoint.writeLock().lock();
            try {
                synchronized (meta) {
                    pages = 0;
                }
            } finally {
                checkpoint.writeLock().unlock();
            }
        }
    }
}
