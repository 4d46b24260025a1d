package dev.polder.museum;

import java.util.concurrent.locks.ReentrantLock;

/// Two monitors of one class in two fields, one taken around a lock and one inside it: a circle of
/// classes that is none of fields.
public final class TwoFields {
    private static final class Box {}

    private static final Box OUTER = new Box();
    private static final Box INNER = new Box();
    private static final ReentrantLock LOCK = new ReentrantLock();

    private TwoFields() {}

    /// Takes them in the only order there is.
    public static void main(String[] args) {
        synchronized (OUTER) {
            LOCK.lock();
            LOCK.unlock();
        }
        LOCK.lock();
        try {
            synchronized (INNER) {
                assert LOCK.isLocked();
            }
        } finally {
            LOCK.unlock();
        }
    }
}
