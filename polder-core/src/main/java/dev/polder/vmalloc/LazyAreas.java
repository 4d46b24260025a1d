package dev.polder.vmalloc;

import dev.polder.base.Check;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Areas that were freed and are still mapped, oldest first, and by size for re-use.
final class LazyAreas {
    /*
     * Notes. An area is on two lists: all of them by age, where purging takes the oldest, and those
     * of its size, where an allocation takes the newest, whose mapping is most likely still warm.
     * Sizes above the limit share the last list and are searched. An area that is not reusable is
     * on the first list only.
     *
     *   frames = sum of pages over all listed areas
     *
     * The lock is not held while an area is unmapped; `purging` counts areas that were taken for
     * that and are not done, so that verify() can wait for a standstill and then hold still.
     */
    private final long limitPages;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition still = lock.newCondition();
    private final @Nullable VmArea[] newestBySize;
    private @Nullable VmArea oldest;
    private @Nullable VmArea newest;
    private int count;
    private int purging;
    /// Written under the lock, read by anyone.
    private volatile long frames;

    LazyAreas(long limitPages) {
        this.limitPages = limitPages;
        this.newestBySize = new VmArea[Math.toIntExact(limitPages) + 2];
    }

    /// Frames of all areas listed.
    long frames() {
        return frames;
    }

    /// True if more is kept than is worth keeping.
    boolean overLimit() {
        return frames > limitPages;
    }

    /// Frames to give back when over the limit: down to half of it, so that the next free is not
    /// over it again.
    long excess() {
        long now = frames;
        return now > limitPages ? now - limitPages / 2 : 0;
    }

    /// Keeps an area that is LAZY.
    @SuppressWarnings("NonAtomicVolatileUpdate") // written under the lock only
    void add(VmArea a) {
        lock.lock();
        try {
            assert a.state() == VmArea.State.LAZY : a;
            a.older = newest;
            if (newest == null) {
                oldest = a;
            } else {
                newest.newer = a;
            }
            newest = a;
            if (a.reusable) {
                int slot = slot(a.pages);
                VmArea second = newestBySize[slot];
                a.sameSizeOlder = second;
                if (second != null) {
                    second.sameSizeNewer = a;
                }
                newestBySize[slot] = a;
            }
            count++;
            frames += a.pages;
        } finally {
            lock.unlock();
        }
    }

    /// Takes the newest area of exactly `pages` frames for re-use, or null. Its state is still
    /// LAZY.
    @Nullable VmArea take(long pages) {
        if (frames < pages) {
            return null;
        }
        lock.lock();
        try {
            VmArea a = newestBySize[slot(pages)];
            while (a != null && a.pages != pages) {
                a = a.sameSizeOlder;
            }
            if (a != null) {
                unlink(a);
            }
            return a;
        } finally {
            lock.unlock();
        }
    }

    /// Takes the oldest area for unmapping, or null; [#purged] must follow. Its state is PURGING.
    @Nullable VmArea takeForPurge() {
        lock.lock();
        try {
            VmArea a = oldest;
            if (a != null) {
                unlink(a);
                a.mustStep(VmArea.State.LAZY, VmArea.State.PURGING);
                purging++;
            }
            return a;
        } finally {
            lock.unlock();
        }
    }

    /// Ends what [#takeForPurge] began.
    void purged() {
        lock.lock();
        try {
            purging--;
            if (purging == 0) {
                still.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /// Runs `check` while no area is added, taken or unmapped.
    void whileStill(Runnable check) {
        lock.lock();
        try {
            while (purging > 0) {
                still.awaitUninterruptibly();
            }
            verifyLists();
            check.run();
        } finally {
            lock.unlock();
        }
    }

    private int slot(long pages) {
        return (int) Math.min(pages, limitPages + 1);
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // written under the lock only
    private void unlink(VmArea a) {
        assert lock.isHeldByCurrentThread();
        if (a.older == null) {
            oldest = a.newer;
        } else {
            a.older.newer = a.newer;
        }
        if (a.newer == null) {
            newest = a.older;
        } else {
            a.newer.older = a.older;
        }
        if (a.reusable) {
            if (a.sameSizeNewer == null) {
                newestBySize[slot(a.pages)] = a.sameSizeOlder;
            } else {
                a.sameSizeNewer.sameSizeOlder = a.sameSizeOlder;
            }
            if (a.sameSizeOlder != null) {
                a.sameSizeOlder.sameSizeNewer = a.sameSizeNewer;
            }
        }
        a.older = null;
        a.newer = null;
        a.sameSizeOlder = null;
        a.sameSizeNewer = null;
        count--;
        frames -= a.pages;
    }

    private void verifyLists() {
        long sum = 0;
        int n = 0;
        int reusable = 0;
        VmArea before = null;
        for (VmArea a = oldest; a != null; a = a.newer) {
            Check.that(a.older == before, "the list of lazy areas is broken");
            Check.that(a.state() == VmArea.State.LAZY, "an area on the lazy list is not lazy");
            sum += a.pages;
            n++;
            reusable += a.reusable ? 1 : 0;
            before = a;
        }
        Check.that(before == newest && n == count, "the list of lazy areas is miscounted");
        Check.that(sum == frames, "the frames of lazy areas are miscounted");
        for (int slot = 0; slot < newestBySize.length; slot++) {
            for (VmArea a = newestBySize[slot]; a != null; a = a.sameSizeOlder) {
                Check.that(slot(a.pages) == slot, "a lazy area is on the list of another size");
                reusable--;
            }
        }
        Check.that(reusable == 0, "the lists of lazy areas by size are miscounted");
    }
}
