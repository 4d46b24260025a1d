package dev.polder.store.btree;

import dev.polder.store.cache.PageCache;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.file.StoreMeta;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Walks a whole tree and compares it with its invariants and with the space map: `verify()`.
///
/// Runs as the writer (nobody else changes anything); throws [IllegalStateException] at the first
/// fact that is not true.
public final class TreeWalk {
    private final WriteSet set;
    private final StoreMeta meta;
    private final PageCache cache;
    private final StorePool pool;
    private final StoreFile data;
    private final BitSet reached = new BitSet();
    private long keys;

    /// A walk over the state `meta`.
    ///
    /// @param set an empty set to read through
    public TreeWalk(WriteSet set, StoreMeta meta, PageCache cache, StorePool pool,
            StoreFile data) {
        this.set = set;
        this.meta = meta;
        this.cache = cache;
        this.pool = pool;
        this.data = data;
    }

    /// Walks everything.
    public void run(SpaceMap space) throws IOException {
        try {
            node(meta.root(), meta.height() - 1, null, null);
            if (keys != meta.keys()) {
                throw broken("the tree has " + keys + " keys, its state says " + meta.keys());
            }
            reach(0);
            reach(1);
            for (long p = SpaceMap.spacePage(0); p < meta.pages(); p += SpaceMap.PER_PAGE) {
                reach(p);
            }
            for (long p = 0; p < meta.pages(); p++) {
                if (reached.get((int) p) != space.isLive(p)) {
                    throw broken("page " + p + (reached.get((int) p)
                            ? " is in use and the space map says that it is free"
                            : " is reached by nothing and the space map says that it is in use"));
                }
            }
            space.verify(set);
        } finally {
            set.endOperation();
        }
    }

    private static IllegalStateException broken(String what) {
        return new IllegalStateException(what);
    }

    private void reach(long page) {
        if (page < 0 || page >= meta.pages() || reached.get((int) page)) {
            throw broken("page " + page + " is referred to twice, or lies behind the end ("
                    + meta.pages() + " pages)");
        }
        reached.set((int) page);
    }

    private void node(long number, int level, byte @Nullable [] low, byte @Nullable [] high)
            throws IOException {
        reach(number);
        MemorySegment m = pool.memory();
        long at = set.readable(number);
        if (!PageImage.intact(m.asSlice(at, PageImage.SIZE), number)) {
            throw broken("page " + number + " does not fit its checksum in memory");
        }
        boolean leaf = NodePage.leaf(m, at);
        int n = NodePage.count(m, at);
        if (NodePage.level(m, at) != level || leaf != (level == 0)) {
            throw broken("page " + number + " has level " + NodePage.level(m, at) + " where "
                    + level + " is due");
        }
        if (n == 0 && (!leaf || number != meta.root())) {
            throw broken("page " + number + " is empty");
        }
        order(number, at, n, low, high);
        List<byte[]> cells = NodePage.cells(m, at);
        long[] children = new long[leaf ? 0 : n + 1];
        byte[][] keysHere = new byte[n][];
        for (int i = 0; i < n; i++) {
            keysHere[i] = NodePage.key(m, at, i);
        }
        for (int i = 0; i < children.length; i++) {
            children[i] = NodePage.child(m, at, i);
        }
        set.endOperation();
        if (leaf) {
            keys += n;
            for (byte[] cell : cells) {
                value(number, cell);
            }
            return;
        }
        for (int i = 0; i <= n; i++) {
            node(children[i], level - 1, i == 0 ? low : keysHere[i - 1],
                    i == n ? high : keysHere[i]);
        }
    }

    private void order(long number, long at, int n, byte @Nullable [] low, byte @Nullable [] high) {
        byte[] last = null;
        for (int i = 0; i < n; i++) {
            byte[] key = NodePage.key(pool.memory(), at, i);
            if ((last != null && Arrays.compareUnsigned(last, key) >= 0)
                    || (low != null && Arrays.compareUnsigned(low, key) > 0)
                    || (high != null && Arrays.compareUnsigned(key, high) >= 0)) {
                throw broken("key " + i + " of page " + number + " is out of order");
            }
            last = key;
        }
    }

    private void value(long number, byte[] cell) throws IOException {
        ValueRef ref = ValueRef.of(cell);
        if (ref == null) {
            return;
        }
        for (long p = ref.start(); p < ref.start() + ref.pages(); p++) {
            reach(p);
        }
        long[] seen = new long[1];
        boolean ok = ValueRun.read(cache, pool, data, ref,
                (bytes, offset) -> seen[0] += bytes.byteSize());
        if (!ok || seen[0] != ref.length()) {
            throw broken("the value run " + ref.run() + " at page " + ref.start() + ", referred to"
                    + " by page " + number + ", is damaged");
        }
    }
}
