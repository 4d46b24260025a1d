package dev.polder.museum;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ScopeSnapshot;
import dev.polder.task.Task;
import java.util.concurrent.Callable;

/// Reclaim lets other threads spill and waits for them. They allocate, and since nobody told them
/// that they work for reclaim, they may begin reclaim themselves, which waits for the first.
public final class Velox10975 {
    private Velox10975() {}

    private static void reclaim(Runnable inside) {
        FsReclaim.acquire(Gfp.KERNEL);
        int token = Task.current().enterReclaim();
        try {
            inside.run();
        } finally {
            Task.current().leaveReclaim(token);
            FsReclaim.release(Gfp.KERNEL);
        }
    }

    private static void onAnotherThread(Runnable task) {
        Thread t = new Thread(task, "spill");
        t.start();
        try {
            t.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /// The work is handed over without its context.
    public static final class Bug implements Runnable {
        @Override
        public void run() {
            reclaim(() -> {
                onAnotherThread(this::spill);
                awaitSpill();
            });
        }

        void spill() {
            FsReclaim.mightAlloc(Gfp.KERNEL);
        }

        void awaitSpill() {}
    }

    /// The snapshot carries "this is reclaim" along.
    public static final class Mended implements Runnable {
        @Override
        public void run() {
            reclaim(() -> {
                Callable<Boolean> carried = ScopeSnapshot.capture().wrap(this::spill);
                onAnotherThread(() -> call(carried));
                awaitSpill();
            });
        }

        private static void call(Callable<Boolean> c) {
            try {
                c.call();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }

        Boolean spill() {
            FsReclaim.mightAlloc(Gfp.KERNEL);
            return true;
        }

        void awaitSpill() {}
    }
}
