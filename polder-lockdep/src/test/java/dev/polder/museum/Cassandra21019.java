package dev.polder.museum;

import java.util.concurrent.locks.ReentrantLock;

/// A writer waits for memtable memory while it holds a shard's lock. Memory comes free when a flush
/// ends; the flush waits for older writes; an older write waits for the shard's lock.
public final class Cassandra21019 {
    private Cassandra21019() {}

    /// Reserves memory under the shard's lock.
    public static final class Bug implements Runnable {
        private final ReentrantLock shard = new ReentrantLock();
        int used;

        @Override
        public void run() {
            write();
            flush();
        }

        private void write() {
            beginWrite();
            shard.lock();
            try {
                reserve();
            } finally {
                shard.unlock();
            }
            endWrite();
        }

        void beginWrite() {
            used++;
        }

        void endWrite() {
            used--;
        }

        void reserve() {
            used++;
        }

        void flush() {
            awaitOlderWrites();
            used = 0;
        }

        void awaitOlderWrites() {
            used--;
        }
    }

    /// Reserves first, when it holds nothing and no flush waits for it.
    public static final class Mended implements Runnable {
        private final ReentrantLock shard = new ReentrantLock();
        int used;

        @Override
        public void run() {
            reserve();
            beginWrite();
            shard.lock();
            try {
                used++;
            } finally {
                shard.unlock();
            }
            endWrite();
            flush();
        }

        void beginWrite() {
            used++;
        }

        void endWrite() {
            used--;
        }

        void reserve() {
            used++;
        }

        void flush() {
            awaitOlderWrites();
            used = 0;
        }

        void awaitOlderWrites() {
            used--;
        }
    }
}
