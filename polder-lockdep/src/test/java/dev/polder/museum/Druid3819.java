package dev.polder.museum;

/// A nested query takes merge buffers one by one from a pool that has few, and gives them back when
/// it is done: who has one and waits for the next can wait for somebody who does the same.
public final class Druid3819 {
    private Druid3819() {}

    /// One buffer after the other.
    public static final class Bug implements Runnable {
        int buffers = 2;

        @Override
        public void run() {
            take();
            take();
            giveBack();
            giveBack();
        }

        void take() {
            buffers--;
        }

        void giveBack() {
            buffers++;
        }
    }

    /// All that the query needs at once.
    public static final class Mended implements Runnable {
        int buffers = 2;

        @Override
        public void run() {
            takeAll();
            giveBackAll();
        }

        void takeAll() {
            buffers -= 2;
        }

        void giveBackAll() {
            buffers += 2;
        }
    }
}
