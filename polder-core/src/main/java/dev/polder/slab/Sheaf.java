package dev.polder.slab;

import dev.polder.base.Check;
import org.jspecify.annotations.Nullable;

/// A stack of free objects of one cache, or of free runs of one order: what the newest SLUB calls a
/// sheaf and Bonwick a magazine.
///
/// A sheaf has one holder at a time (a stripe, a thread, a depot, or the thread that moves it), and
/// only the holder touches it. Its objects are free: their state says so, and the slab's free map
/// does not have them.
final class Sheaf {
    /// Stands where there is no sheaf, so that the fast paths need no null test: it is always empty
    /// and always full.
    static final Sheaf NONE = new Sheaf(null, 0, 0);

    /// Addresses; the first [#size] count.
    final long[] objects;
    /// Room reserved for it: what it holds when full, in bytes.
    final long bytes;
    private final @Nullable Sheaved cache;

    /// Number of objects in it.
    int size;
    /// The next sheaf of a chain that its holder makes.
    @Nullable Sheaf next;

    /// An empty sheaf for `capacity` objects of `cache`.
    Sheaf(Sheaved cache, int capacity) {
        this(cache, capacity, capacity * (long) cache.objectSize());
    }

    private Sheaf(@Nullable Sheaved cache, int capacity, long bytes) {
        this.cache = cache;
        this.objects = new long[capacity];
        this.bytes = bytes;
    }

    /// The cache whose objects it takes.
    Sheaved cache() {
        if (cache == null) {
            throw Check.broken("there is no sheaf here");
        }
        return cache;
    }

    boolean isFull() {
        return size == objects.length;
    }

    boolean isEmpty() {
        return size == 0;
    }

    void push(long object) {
        objects[size++] = object;
    }

    long pop() {
        return objects[--size];
    }
}
