package dev.polder.store.btree;

import dev.polder.store.cache.Page;
import dev.polder.store.cache.PageCache;
import dev.polder.store.file.PageImage;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The private pages of one transaction: a changed page is a copy, which nobody else sees before
/// the transaction's end. To abort is to drop them.
///
/// Pages that are only read stay pinned until [#endOperation].
public final class WriteSet implements TreePages {
    private final PageCache cache;
    private final StorePool pool;
    private final PageCache.Loader loader;
    private final SpaceMap space;
    private final int limit;
    private final Map<Long, Page> shadows = new HashMap<>();
    private final Map<Long, Page> pinned = new HashMap<>();
    private final List<Long> released = new ArrayList<>();

    /// An empty set.
    ///
    /// @param limit changed pages at most
    public WriteSet(PageCache cache, StorePool pool, PageCache.Loader loader, SpaceMap space,
            int limit) {
        this.cache = cache;
        this.pool = pool;
        this.loader = loader;
        this.space = space;
        this.limit = limit;
    }

    @Override
    public MemorySegment memory() {
        return pool.memory();
    }

    @Override
    public long readable(long number) throws IOException {
        Page s = shadows.get(number);
        return pool.pageOffset(s != null ? s.run() : pin(number).run());
    }

    private Page pin(long number) throws IOException {
        Page p = pinned.get(number);
        if (p == null) {
            p = cache.fetch(number, Page.TREE, loader);
            if (p == null) {
                throw new IOException("page " + number + " is no structured page");
            }
            pinned.put(number, p);
        }
        return p;
    }

    @Override
    public long writable(long number) throws IOException {
        Page s = shadows.get(number);
        if (s == null) {
            Page old = pin(number);
            s = shadow(number);
            MemorySegment.copy(pool.memory(), pool.pageOffset(old.run()), pool.memory(),
                    pool.pageOffset(s.run()), PageImage.SIZE);
        }
        return pool.pageOffset(s.run());
    }

    private Page shadow(long number) throws IOException {
        if (shadows.size() >= limit) {
            throw new TooManyPagesException(limit);
        }
        Page s = cache.shadow(number);
        shadows.put(number, s);
        return s;
    }

    @Override
    public long create(boolean leaf, int level) throws IOException {
        long number = space.allocate(1, false);
        Page s = shadow(number);
        PageImage.format(pool.page(s.run()), leaf ? PageImage.LEAF : PageImage.INNER, level,
                number);
        return number;
    }

    @Override
    public void release(long number) {
        Page s = shadows.remove(number);
        if (s != null) {
            cache.drop(s);
        }
        released.add(number);
        space.release(number, 1);
    }

    /// Makes a space page writable; a fresh one is empty.
    void space(long number, boolean fresh) throws IOException {
        if (fresh && !shadows.containsKey(number)) {
            Page s = shadow(number);
            PageImage.format(pool.page(s.run()), PageImage.SPACE, 0, number);
        } else {
            writable(number);
        }
    }

    /// Lets the pages go that were only read.
    public void endOperation() {
        for (Page p : pinned.values()) {
            cache.unpin(p);
        }
        pinned.clear();
    }

    /// Puts the space map's changes in; after it, nothing can fail for want of memory.
    public void prepare() throws IOException {
        try {
            space.writeChanges(this);
        } finally {
            endOperation();
        }
    }

    /// Finishes the pages: group, checksum, index.
    public void seal(long group) {
        for (Page p : shadows.values()) {
            MemorySegment page = pool.page(p.run());
            PageImage.seal(page, group);
            index(pool, p);
        }
    }

    /// Builds the index of a node in a finished page.
    static void index(StorePool pool, Page p) {
        long at = pool.pageOffset(p.run());
        byte type = PageImage.type(pool.page(p.run()));
        if (p.node() != 0 && (type == PageImage.LEAF || type == PageImage.INNER)) {
            NodeIndex.build(pool.memory(), pool.offset(p.node()), at, p.number());
        }
    }

    /// The changed pages.
    public Collection<Page> pages() {
        return shadows.values();
    }

    /// Structured pages that are no more part of the store.
    public long[] released() {
        long[] all = new long[released.size()];
        int n = 0;
        for (Long r : released) {
            if (!shadows.containsKey(r)) {
                all[n++] = r;
            }
        }
        return Arrays.copyOf(all, n);
    }

    /// Drops everything.
    public void abort() {
        endOperation();
        for (Page s : shadows.values()) {
            cache.drop(s);
        }
        shadows.clear();
        released.clear();
    }
}
