package dev.polder.store.btree;

import dev.polder.store.cache.Page;
import dev.polder.store.cache.PageCache;
import dev.polder.store.file.CorruptPageException;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.file.StoreMeta;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/// The tree as readers see it: as the last finished transaction left it.
///
/// A reader walks under the latch, shared with other readers; a writer holds it alone only while it
/// puts its finished pages in ([#publish]). **Nobody asks for memory or reads a file under the
/// latch**: a reader that misses a page lets go of it, fetches the page holding nothing at all, and
/// walks again. So whatever a reader's allocation may wait for, it does not wait for the reader.
public final class TreeView {
    /// A page that is damaged this often in a row is damaged; once or twice, it was freed and
    /// written over while we were on the way to it.
    private static final int TRIES = 3;

    private final PageCache cache;
    private final StorePool pool;
    private final StoreFile data;
    private final ReentrantReadWriteLock latch = new ReentrantReadWriteLock();
    private StoreMeta meta;

    /// The view of a store in the state `meta`.
    public TreeView(PageCache cache, StorePool pool, StoreFile data, StoreMeta meta) {
        this.cache = cache;
        this.pool = pool;
        this.data = data;
        this.meta = meta;
    }

    /// Reads a structured page and builds its node's index: the cache's loader for them.
    public void load(Page p, MemorySegment bytes) throws IOException {
        PageImage.read(data, p.number(), bytes);
        WriteSet.index(pool, p);
    }

    /// The state.
    public StoreMeta meta() {
        latch.readLock().lock();
        try {
            return meta;
        } finally {
            latch.readLock().unlock();
        }
    }

    /// Runs `install`, which makes new versions current, and takes `now` for the state, with no
    /// reader in between.
    public void publish(StoreMeta now, Runnable install) {
        latch.writeLock().lock();
        try {
            install.run();
            meta = now;
        } finally {
            latch.writeLock().unlock();
        }
    }

    /// Leaf cells from a key on, as far as one leaf goes.
    private static final class Leaf {
        final List<byte[]> cells = new ArrayList<>();
        byte @Nullable [] upper;
        long missing = -1;
    }

    /// Copy of the leaf cell of a key; null if it is not there.
    byte @Nullable [] find(byte[] key) throws IOException {
        Leaf leaf = leaf(new Key(key), false);
        return leaf.cells.isEmpty() ? null : leaf.cells.getFirst();
    }

    /// Who sees the entries of a range.
    interface CellVisitor {
        boolean cell(byte[] cell) throws IOException;
    }

    /// Visits the leaf cells from `from` on, in order, until the visitor has enough.
    void scan(byte[] from, CellVisitor visitor) throws IOException {
        byte[] at = from;
        while (at != null) {
            Leaf leaf = leaf(new Key(at), true);
            for (byte[] cell : leaf.cells) {
                if (!visitor.cell(cell)) {
                    return;
                }
            }
            at = leaf.upper;
        }
    }

    private Leaf leaf(Key key, boolean all) throws IOException {
        Page hint = null;
        try {
            long lastBad = -1;
            for (int bad = 0;;) {
                Leaf leaf = walk(key, all);
                if (leaf.missing < 0) {
                    return leaf;
                }
                if (hint != null) {
                    cache.unpin(hint);
                    hint = null;
                }
                try {
                    hint = cache.fetch(leaf.missing, Page.TREE, this::load);
                } catch (CorruptPageException e) {
                    bad = leaf.missing == lastBad ? bad + 1 : 1;
                    lastBad = leaf.missing;
                    if (bad == TRIES) {
                        throw e;
                    }
                }
            }
        } finally {
            if (hint != null) {
                cache.unpin(hint);
            }
        }
    }

    private Leaf walk(Key key, boolean all) {
        MemorySegment m = pool.memory();
        Leaf result = new Leaf();
        latch.readLock().lock();
        try {
            long number = meta.root();
            while (true) {
                Page p = cache.pinCached(number, Page.TREE);
                if (p == null) {
                    result.missing = number;
                    return result;
                }
                try {
                    long at = pool.pageOffset(p.run());
                    int found = p.node() == 0 ? NodePage.search(m, at, key)
                            : NodeIndex.search(m, pool.offset(p.node()), at, key);
                    if (NodePage.leaf(m, at)) {
                        collect(m, at, found, all, result);
                        return result;
                    }
                    int turn = NodePage.childIndex(found);
                    if (all && turn < NodePage.count(m, at)) {
                        result.upper = NodePage.key(m, at, turn);
                    }
                    number = NodePage.child(m, at, turn);
                } finally {
                    cache.unpin(p);
                }
            }
        } finally {
            latch.readLock().unlock();
        }
    }

    private static void collect(MemorySegment m, long at, int found, boolean all, Leaf result) {
        if (!all) {
            if (found >= 0) {
                result.cells.add(NodePage.copy(m, at, found));
            }
            return;
        }
        int n = NodePage.count(m, at);
        for (int i = found >= 0 ? found : -1 - found; i < n; i++) {
            result.cells.add(NodePage.copy(m, at, i));
        }
    }
}
