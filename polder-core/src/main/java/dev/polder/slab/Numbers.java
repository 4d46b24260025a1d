package dev.polder.slab;

import java.util.BitSet;
import java.util.concurrent.locks.ReentrantLock;

/// Small numbers, each in use once. A number that came back is given again.
final class Numbers {
    /// For the open pools of this process, so that each thread can keep an array of what it has in
    /// each of them ([dev.polder.task.Task#poolState]).
    static final Numbers POOLS = new Numbers();

    private final ReentrantLock lock = new ReentrantLock();
    private final BitSet taken = new BitSet();

    /// The smallest number that is free.
    int take() {
        lock.lock();
        try {
            int number = taken.nextClearBit(0);
            taken.set(number);
            return number;
        } finally {
            lock.unlock();
        }
    }

    /// Gives a number back.
    void give(int number) {
        lock.lock();
        try {
            assert taken.get(number) : "only a number in use comes back";
            taken.clear(number);
        } finally {
            lock.unlock();
        }
    }
}
