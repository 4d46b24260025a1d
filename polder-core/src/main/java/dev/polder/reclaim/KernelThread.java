package dev.polder.reclaim;

/// A thread of Polder's own, in the kernel's word a kthread: a daemon that is never made to wait
/// for the sake of reclaim, because others may be waiting for it (rows E10, E11).
public final class KernelThread extends Thread {

    /// A daemon thread that will run `body`. It inherits no thread-local values.
    public KernelThread(Runnable body, String name) {
        super(null, body, name, 0, false);
        setDaemon(true);
    }

    /// Whether the calling thread is one of Polder's own.
    public static boolean isCurrent() {
        return Thread.currentThread() instanceof KernelThread;
    }
}
