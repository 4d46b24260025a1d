package dev.polder.museum;

import java.util.ArrayDeque;
import java.util.Deque;

/// A buffer pool tells a waiting channel under the pool's lock that a buffer is free, and the
/// channel locks its queue; a channel gives a buffer back under its queue's lock, and the pool
/// locks itself.
public final class Flink9676 {
    private Flink9676() {}

    /// Both directions under a lock.
    public static final class Bug implements Runnable {
        private final Deque<Integer> segments = new ArrayDeque<>();
        private final Deque<Integer> queue = new ArrayDeque<>();

        @Override
        public void run() {
            recycleToPool(1);
            recycleExclusive(2);
        }

        private void recycleToPool(int buffer) {
            synchronized (segments) {
                segments.add(buffer);
                bufferAvailable(segments.remove());
            }
        }

        private void bufferAvailable(int buffer) {
            synchronized (queue) {
                queue.add(buffer);
            }
        }

        private void recycleExclusive(int buffer) {
            synchronized (queue) {
                queue.add(buffer);
                int floating = queue.remove();
                synchronized (segments) {
                    segments.add(floating);
                }
            }
        }
    }

    /// The pool tells the channel when it has let its own lock go.
    public static final class Mended implements Runnable {
        private final Deque<Integer> segments = new ArrayDeque<>();
        private final Deque<Integer> queue = new ArrayDeque<>();

        @Override
        public void run() {
            int buffer;
            synchronized (segments) {
                segments.add(1);
                buffer = segments.remove();
            }
            synchronized (queue) {
                queue.add(buffer);
            }
            synchronized (queue) {
                queue.add(2);
                int floating = queue.remove();
                synchronized (segments) {
                    segments.add(floating);
                }
            }
        }
    }
}
