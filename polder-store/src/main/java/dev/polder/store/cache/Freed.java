package dev.polder.store.cache;

import dev.polder.store.pool.StorePool;
import java.util.Arrays;

/// Frames and node objects that an operation under the cache's lock set free; they go back to the
/// pool when the lock is open again.
final class Freed {
    private long[] runs = new long[4];
    private long[] nodes = new long[4];
    private int count;

    void add(Page p) {
        if (count == runs.length) {
            runs = Arrays.copyOf(runs, count * 2);
            nodes = Arrays.copyOf(nodes, count * 2);
        }
        runs[count] = p.run;
        nodes[count] = p.node;
        count++;
    }

    int giveBack(StorePool pool) {
        for (int i = 0; i < count; i++) {
            pool.freeNode(nodes[i]);
            pool.freeFrame(runs[i]);
        }
        return count;
    }
}
