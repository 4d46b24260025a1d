package dev.polder.museum;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import java.io.IOException;
import java.util.concurrent.locks.ReentrantLock;

/// A program that runs before an agent is attached to it: its classes are loaded, its locks made,
/// and Polder's port initialised.
public final class Attached {
    private static final ReentrantLock FIRST = new ReentrantLock();
    private static final Object SECOND = new Object();

    private Attached() {}

    /// Works, says so, waits for a byte, works again.
    @SuppressWarnings("SystemOut")
    public static void main(String[] args) throws IOException {
        work();
        System.out.println("ready");
        System.out.flush();
        if (System.in.read() < 0) {
            throw new IOException("nobody attached");
        }
        work();
    }

    private static void work() {
        oneWay();
        theOtherWay();
        reclaim();
        allocate();
    }

    private static void oneWay() {
        FIRST.lock();
        try {
            synchronized (SECOND) {
                assert FIRST.isLocked();
            }
        } finally {
            FIRST.unlock();
        }
    }

    private static void theOtherWay() {
        synchronized (SECOND) {
            FIRST.lock();
            FIRST.unlock();
        }
    }

    private static void reclaim() {
        FsReclaim.acquire(Gfp.KERNEL);
        FIRST.lock();
        FIRST.unlock();
        FsReclaim.release(Gfp.KERNEL);
    }

    private static void allocate() {
        FIRST.lock();
        try {
            FsReclaim.mightAlloc(Gfp.KERNEL);
        } finally {
            FIRST.unlock();
        }
    }
}
