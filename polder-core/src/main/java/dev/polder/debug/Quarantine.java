package dev.polder.debug;

import dev.polder.base.Check;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongPredicate;

/// Freed objects that are not used again yet, oldest first, up to a number of bytes, so that a late
/// use of one finds its poison and not somebody else's data.
///
/// Threads: any. The lock is a leaf; what leaves is returned, and dealt with outside.
public final class Quarantine {
    /*
     * Notes. A ring of fixed length: a free allocates nothing. When it is full the oldest leaves,
     * whatever its size.
     *
     *   bytes = sum of sizes over the ring; bytes <= limit once put() is done
     */
    private final ReentrantLock lock = new ReentrantLock();
    private final long limit;
    private final long[] addresses;
    private final long[] sizes;
    private int head;
    private int count;
    private long bytes;

    /// An empty one for at most `limit` bytes in at most `entries` objects.
    public Quarantine(long limit, int entries) {
        this.limit = limit;
        this.addresses = new long[entries];
        this.sizes = new long[entries];
    }

    /// Puts an object in; false if it is too large to be kept at all. [#takeExcess] must follow.
    public boolean put(long address, long size) {
        lock.lock();
        try {
            if (size > limit / 2 || count == addresses.length) {
                return false;
            }
            int at = (head + count) % addresses.length;
            addresses[at] = address;
            sizes[at] = size;
            count++;
            bytes += size;
            return true;
        } finally {
            lock.unlock();
        }
    }

    /// Takes the oldest object if there is more than the limit; 0 if not.
    public long takeExcess() {
        lock.lock();
        try {
            return bytes > limit || count == addresses.length ? take() : 0;
        } finally {
            lock.unlock();
        }
    }

    /// Takes the oldest object; 0 if there is none.
    public long takeOldest() {
        lock.lock();
        try {
            return count == 0 ? 0 : take();
        } finally {
            lock.unlock();
        }
    }

    /// Takes out every object that `which` accepts, and returns them.
    public long[] takeAll(LongPredicate which) {
        lock.lock();
        try {
            long[] taken = new long[count];
            int n = 0;
            int kept = 0;
            for (int i = 0; i < count; i++) {
                int from = (head + i) % addresses.length;
                if (which.test(addresses[from])) {
                    taken[n++] = addresses[from];
                    bytes -= sizes[from];
                } else {
                    int to = (head + kept++) % addresses.length;
                    addresses[to] = addresses[from];
                    sizes[to] = sizes[from];
                }
            }
            count = kept;
            return Arrays.copyOf(taken, n);
        } finally {
            lock.unlock();
        }
    }

    /// Every object in it, oldest first.
    public long[] all() {
        lock.lock();
        try {
            long[] all = new long[count];
            for (int i = 0; i < count; i++) {
                all[i] = addresses[(head + i) % addresses.length];
            }
            return all;
        } finally {
            lock.unlock();
        }
    }

    /// Bytes of all objects in it.
    public long bytes() {
        lock.lock();
        try {
            return bytes;
        } finally {
            lock.unlock();
        }
    }

    private long take() {
        long address = addresses[head];
        bytes -= sizes[head];
        head = (head + 1) % addresses.length;
        count--;
        Check.that(bytes >= 0, "the quarantine holds less than nothing");
        return address;
    }
}
