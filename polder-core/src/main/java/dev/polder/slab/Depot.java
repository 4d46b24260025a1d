package dev.polder.slab;

import dev.polder.base.Check;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The sheaves of one cache that no stripe holds: filled ones and empty ones, exchanged whole.
/// The kernel's barn; Bonwick's depot.
///
/// Under its lock references change place and nothing else: no object is copied.
final class Depot {
    private final ReentrantLock lock = new ReentrantLock();
    private final @Nullable Sheaf[] filled;
    private final @Nullable Sheaf[] empty;
    // 0 <= filledCount <= filled.length; a filled sheaf has at least one object
    private int filledCount;
    // 0 <= emptyCount <= empty.length; an empty sheaf has none
    private int emptyCount;

    /// A depot for at most `limit` sheaves of each kind.
    Depot(int limit) {
        this.filled = new Sheaf[limit];
        this.empty = new Sheaf[limit];
    }

    /// Sheaves of each kind that it can hold.
    int limit() {
        return filled.length;
    }

    /// Gives a filled sheaf for `given`, which is empty or absent; null, and nothing taken, if
    /// there is none.
    @Nullable Sheaf exchangeForFilled(@Nullable Sheaf given) {
        assert given == null || given.isEmpty() : "an empty sheaf is exchanged for a filled one";
        lock.lock();
        try {
            if (filledCount == 0 || (given != null && emptyCount == empty.length)) {
                return null;
            }
            Sheaf out = pop(filled, --filledCount);
            if (given != null) {
                empty[emptyCount++] = given;
            }
            return out;
        } finally {
            lock.unlock();
        }
    }

    /// Gives an empty sheaf for `given`, which is filled; null, and nothing taken, if there is none
    /// or the depot has its fill.
    @Nullable Sheaf exchangeForEmpty(Sheaf given) {
        assert given.size > 0 : "only a filled sheaf is exchanged for an empty one";
        lock.lock();
        try {
            if (emptyCount == 0 || filledCount == filled.length) {
                return null;
            }
            Sheaf out = pop(empty, --emptyCount);
            filled[filledCount++] = given;
            return out;
        } finally {
            lock.unlock();
        }
    }

    /// Whether one more filled sheaf would be taken now; a guess while others put and take.
    boolean hasRoomForFilled() {
        return filledCount < filled.length;
    }

    /// Whether there is an empty sheaf; a guess while others put and take.
    boolean hasEmpty() {
        return emptyCount > 0;
    }

    /// Whether there is a filled sheaf; a guess while others put and take.
    boolean hasFilled() {
        return filledCount > 0;
    }

    /// Takes an empty sheaf; null if there is none.
    @Nullable Sheaf takeEmpty() {
        lock.lock();
        try {
            return emptyCount == 0 ? null : pop(empty, --emptyCount);
        } finally {
            lock.unlock();
        }
    }

    /// Takes a filled sheaf; null if there is none.
    @Nullable Sheaf takeFilled() {
        lock.lock();
        try {
            return filledCount == 0 ? null : pop(filled, --filledCount);
        } finally {
            lock.unlock();
        }
    }

    /// Keeps `sheaf`, filled or empty; false, and nothing taken, if there is no room for its kind.
    boolean put(Sheaf sheaf) {
        lock.lock();
        try {
            if (sheaf.isEmpty()) {
                if (emptyCount == empty.length) {
                    return false;
                }
                empty[emptyCount++] = sheaf;
            } else {
                if (filledCount == filled.length) {
                    return false;
                }
                filled[filledCount++] = sheaf;
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    /// Objects in the filled sheaves.
    long objects() {
        lock.lock();
        try {
            long sum = 0;
            for (int i = 0; i < filledCount; i++) {
                Sheaf sheaf = filled[i];
                sum += sheaf == null ? 0 : sheaf.size;
            }
            return sum;
        } finally {
            lock.unlock();
        }
    }

    /// Checks both stacks and shows every sheaf to `visitor`, with the lock held.
    void verify(Consumer<Sheaf> visitor) {
        lock.lock();
        try {
            verify(filled, filledCount, false, visitor);
            verify(empty, emptyCount, true, visitor);
        } finally {
            lock.unlock();
        }
    }

    private static void verify(@Nullable Sheaf[] stack, int count, boolean wantEmpty,
            Consumer<Sheaf> visitor) {
        for (int i = 0; i < stack.length; i++) {
            Sheaf sheaf = stack[i];
            Check.that((sheaf != null) == (i < count), "a depot's stack and its count differ");
            if (sheaf == null) {
                break;
            }
            Check.that(sheaf.isEmpty() == wantEmpty, "a sheaf is on the wrong stack of its depot");
            visitor.accept(sheaf);
        }
    }

    private static @Nullable Sheaf pop(@Nullable Sheaf[] stack, int index) {
        Sheaf out = stack[index];
        stack[index] = null;
        return out;
    }
}
