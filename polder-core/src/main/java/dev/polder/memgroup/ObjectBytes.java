package dev.polder.memgroup;

import dev.polder.base.Frames;
import java.util.concurrent.atomic.AtomicLong;

/// The small objects of one group, in bytes, and the frames charged for them. The kernel's
/// `obj_cgroup`: objects cost one atomic step here, and climb the tree only as whole frames.
final class ObjectBytes {
    /*
     * Notes. One word has both figures, so that they change together:
     *
     *   used  (upper 48 bits)  bytes of objects
     *   spare (lower 16 bits)  bytes charged beyond them
     *   used + spare = bytes charged to the tree, a multiple of a frame
     *   spare < KEEP + a frame, and 0 when used is 0
     */
    private static final int SPARE_BITS = 16;
    private static final long SPARE = (1L << SPARE_BITS) - 1;
    /// Spare bytes that stay: a program that frees and takes one object at the edge of a frame
    /// shall not climb the tree each time.
    private static final long KEEP = Frames.SIZE;

    private final AtomicLong word = new AtomicLong();

    long used() {
        return word.get() >>> SPARE_BITS;
    }

    /// Bytes charged to the tree for objects, whole frames.
    long frames() {
        long now = word.get();
        return (now >>> SPARE_BITS) + (now & SPARE);
    }

    /// Pays for `bytes` from the spare ones.
    boolean take(long bytes) {
        while (true) {
            long now = word.get();
            if ((now & SPARE) < bytes) {
                return false;
            }
            if (word.compareAndSet(now, now + (bytes << SPARE_BITS) - bytes)) {
                return true;
            }
        }
    }

    /// Enters an object of `bytes` and the `frames` bytes charged for it; returns the bytes, whole
    /// frames, that are to be uncharged.
    long add(long bytes, long frames) {
        assert frames >= bytes && frames % Frames.SIZE == 0 : frames;
        return change(bytes, frames);
    }

    /// Takes an object of `bytes` out; returns the bytes, whole frames, that are to be uncharged.
    long drop(long bytes) {
        return change(-bytes, 0);
    }

    private long change(long bytes, long frames) {
        while (true) {
            long now = word.get();
            long used = (now >>> SPARE_BITS) + bytes;
            assert used >= 0 : "a group has fewer objects than none";
            long spare = (now & SPARE) + frames - bytes;
            long excess = excess(used, spare);
            if (word.compareAndSet(now, used << SPARE_BITS | (spare - excess))) {
                return excess;
            }
        }
    }

    private static long excess(long used, long spare) {
        if (used == 0) {
            return spare;
        }
        return spare < KEEP + Frames.SIZE ? 0 : (spare - KEEP) & -Frames.SIZE;
    }
}
