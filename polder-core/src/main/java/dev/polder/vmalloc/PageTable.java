package dev.polder.vmalloc;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.page.PageAllocator;
import dev.polder.page.Role;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/// Which frame is mapped at which address of vmalloc space: a radix tree whose nodes are frames of
/// the pool, and the only record of it. The kernel's page tables of `init_mm`.
final class PageTable {
    /*
     * Notes. A node is one frame of 512 entries of eight bytes. An entry is 0, or a frame number
     * shifted left by 12 with flags below: PRESENT in all, DATA in the lowest level's only. The
     * depth follows from the size of the space. Nodes are read and written through the pool's
     * segment, where frame f starts at offset f * 4096.
     *
     * A node is asked for with GFP_KERNEL and nothing else: no mask reaches this deep. What the
     * request's mask forbids, the scope around the call forbids (GfpScope).
     *
     * The lock guards all nodes. It is not held over a page request (R1): who finds a node missing
     * lets go, asks, takes the lock again and walks again from the root; if another thread was
     * faster the new node goes back, as in the kernel's __pmd_alloc. Entries are written in the
     * same holding of the lock in which the walk found their node, so that no node is freed
     * between. Nodes without an entry are freed at once, when the lock has been left; until then
     * they are chained through their first word.
     */
    private static final int INDEX_BITS = 9;
    private static final int ENTRIES = 1 << INDEX_BITS;
    private static final long INDEX_MASK = ENTRIES - 1;
    private static final long PRESENT = 1;
    private static final long DATA = 2;

    private final PageAllocator pages;
    private final VmStat stat;
    private final MemorySegment memory;
    private final long start;
    private final long spacePages;
    /// Levels of nodes; level 0 holds the data entries.
    private final int levels;

    private final ReentrantLock lock = new ReentrantLock();
    /// The root node's frame, or 0 while nothing is mapped.
    private long root;
    /// Nodes in the tree, the root included.
    private long nodes;

    PageTable(PageAllocator pages, long start, long end) {
        assert ENTRIES * Long.BYTES == Frames.SIZE : "a node is one frame";
        this.pages = pages;
        this.stat = pages.stat();
        this.memory = pages.memory().segment();
        this.start = start;
        this.spacePages = (end - start) >> Frames.SHIFT;
        int n = 1;
        while (pagesBelow(n) < spacePages) {
            n++;
        }
        levels = n;
    }

    /// The frame mapped at `address`, or 0.
    long frameAt(long address) {
        long page = pageOf(address);
        if (address < start || page >= spacePages) {
            return 0;
        }
        lock.lock();
        try {
            long leaf = leafOf(page);
            return leaf == 0 ? 0 : frameIn(entry(leaf, page & INDEX_MASK));
        } finally {
            lock.unlock();
        }
    }

    /// Records `count` frames from `frame` at `address` and after. Asks for the nodes that are
    /// missing.
    ///
    /// @return how many were recorded: fewer than `count` if a node could not be had. The caller
    ///     goes on from there, or takes back what was recorded with [#clear]
    /// @throws IllegalStateException if something is recorded there already
    long enter(long address, long frame, long count) {
        long first = pageOf(address);
        assert first >= 0 && count >= 1 && first + count <= spacePages : first + " + " + count;
        long done = 0;
        while (done < count) {
            long n = enterInLeaf(first + done, frame + done, count - done);
            if (n == 0 && !addNode(first + done)) {
                return done;
            }
            done += n;
        }
        return done;
    }

    /// Fills the part that lies in one lowest node; 0 if that node is missing.
    private long enterInLeaf(long page, long frame, long count) {
        lock.lock();
        try {
            long leaf = leafOf(page);
            if (leaf == 0) {
                return 0;
            }
            long from = page & INDEX_MASK;
            long n = Math.min(count, ENTRIES - from);
            for (long i = 0; i < n; i++) {
                Check.that(entry(leaf, from + i) == 0, "an address would be mapped twice");
                entry(leaf, from + i, Frames.bytes(frame + i) | DATA | PRESENT);
            }
            return n;
        } finally {
            lock.unlock();
        }
    }

    /// Adds the topmost node that is missing on the way to `page`. False if it cannot be had.
    private boolean addNode(long page) {
        long node = requestNode();
        if (node == 0) {
            return false;
        }
        if (!install(page, node)) {
            pages.frames().owner(node, 1, null);
            pages.free(node);
        }
        return true;
    }

    private long requestNode() {
        Task task = Task.current();
        stat.add(Item.PGTABLE_REQUESTS);
        if (Memalloc.effective(Gfp.KERNEL) != Gfp.KERNEL || task.excludesAny()
                || (task.flags() & Task.NORECLAIM) != 0) {
            stat.add(Item.PGTABLE_NARROWED);
        }
        return pages.alloc(Role.PGTABLE, 0, Gfp.KERNEL | Gfp.ZERO);
    }

    /// Hangs `node` in where the walk to `page` ends; false if another thread has completed the
    /// way.
    private boolean install(long page, long node) {
        lock.lock();
        try {
            if (root == 0) {
                root = node;
            } else {
                long at = root;
                int level = levels - 1;
                long next = 0;
                while (level > 0 && (next = frameIn(entry(at, index(page, level)))) != 0) {
                    at = next;
                    level--;
                }
                if (level == 0) {
                    return false;
                }
                entry(at, index(page, level), Frames.bytes(node) | PRESENT);
            }
            nodes++;
            pages.frames().owner(node, 1, this);
            return true;
        } finally {
            lock.unlock();
        }
    }

    /// Takes back `count` entries from `address` on, recorded or not, and frees the nodes on the
    /// way to them that are empty then.
    void clear(long address, long count) {
        long first = pageOf(address);
        long done = 0;
        while (done < count) {
            long page = first + done;
            long n = Math.min(count - done, ENTRIES - (page & INDEX_MASK));
            long freed;
            lock.lock();
            try {
                freed = clearInLeaf(page, n);
            } finally {
                lock.unlock();
            }
            freeChain(freed);
            done += n;
        }
    }

    /// The chain of nodes that became empty, 0 for none.
    private long clearInLeaf(long page, long count) {
        long leaf = leafOf(page);
        for (long i = 0; i < count && leaf != 0; i++) {
            entry(leaf, (page & INDEX_MASK) + i, 0);
        }
        long chain = 0;
        for (int level = 0; level < levels; level++) {
            long node = nodeOf(page, level);
            if (node == 0) {
                // The way ends above: a node was refused before the lower ones were added.
                continue;
            }
            if (!isEmpty(node)) {
                break;
            }
            if (level == levels - 1) {
                root = 0;
            } else {
                entry(nodeOf(page, level + 1), index(page, level + 1), 0);
            }
            nodes--;
            entry(node, 0, chain);
            chain = node;
        }
        return chain;
    }

    private void freeChain(long chain) {
        long node = chain;
        while (node != 0) {
            long next = entry(node, 0);
            pages.frames().owner(node, 1, null);
            pages.free(node);
            node = next;
        }
    }

    private boolean isEmpty(long node) {
        for (long i = 0; i < ENTRIES; i++) {
            if (entry(node, i) != 0) {
                return false;
            }
        }
        return true;
    }

    /// Nodes in the tree: frames that the tables occupy.
    long nodes() {
        lock.lock();
        try {
            return nodes;
        } finally {
            lock.unlock();
        }
    }

    /// The lowest node on the way to `page`, or 0 if the way ends before.
    private long leafOf(long page) {
        return nodeOf(page, 0);
    }

    private long nodeOf(long page, int level) {
        assert lock.isHeldByCurrentThread();
        long at = root;
        for (int l = levels - 1; l > level && at != 0; l--) {
            at = frameIn(entry(at, index(page, l)));
        }
        return at;
    }

    private long pageOf(long address) {
        return (address - start) >> Frames.SHIFT;
    }

    /// Pages that one entry of `level` stands for.
    private static long pagesBelow(int level) {
        return 1L << (level * INDEX_BITS);
    }

    private static long index(long page, int level) {
        return (page >> (level * INDEX_BITS)) & INDEX_MASK;
    }

    private static long frameIn(long entry) {
        return (entry & PRESENT) == 0 ? 0 : entry >>> Frames.SHIFT;
    }

    private long entry(long node, long index) {
        return memory.get(JAVA_LONG_UNALIGNED, Frames.bytes(node) + index * Long.BYTES);
    }

    private void entry(long node, long index, long value) {
        memory.set(JAVA_LONG_UNALIGNED, Frames.bytes(node) + index * Long.BYTES, value);
    }

    /// Sees each recorded address in ascending order, under the lock: it must not call back.
    interface Visitor {
        void entry(long address, long frame);
    }

    /// Walks the whole tree, checks its own shape, and shows every data entry to `visitor`.
    ///
    /// @throws IllegalStateException on the first node or entry that cannot be
    void walk(Visitor visitor) {
        lock.lock();
        try {
            long seen = root == 0 ? 0 : walk(visitor, root, levels - 1, 0);
            Check.that(seen == nodes, "the page table's nodes are miscounted");
        } finally {
            lock.unlock();
        }
    }

    private long walk(Visitor visitor, long node, int level, long firstPage) {
        Check.that(pages.frames().owner(node) == this,
                "a frame in the page table is no node of it");
        long seen = 1;
        int used = 0;
        for (long i = 0; i < ENTRIES; i++) {
            long e = entry(node, i);
            if (e == 0) {
                continue;
            }
            used++;
            long page = firstPage + i * pagesBelow(level);
            long frame = e >>> Frames.SHIFT;
            if ((e & (Frames.SIZE - 1)) != (level == 0 ? PRESENT | DATA : PRESENT)
                    || frame == 0 || !pages.frames().inRange(frame) || page >= spacePages) {
                throw Check.broken("page-table entry " + Check.hex(e) + " for "
                        + Check.hex(start + Frames.bytes(page)) + " at level " + level
                        + " cannot be");
            }
            if (level == 0) {
                visitor.entry(start + Frames.bytes(page), frame);
            } else {
                seen += walk(visitor, frame, level - 1, page);
            }
        }
        Check.that(used > 0, "the page table keeps an empty node");
        return seen;
    }

    /// The address of the entry for `address` in the linear map, 0 if its node is missing: for
    /// tests, which corrupt it.
    long entryAddress(long address) {
        lock.lock();
        try {
            long page = pageOf(address);
            long leaf = leafOf(page);
            return leaf == 0 ? 0 : pages.address(leaf) + (page & INDEX_MASK) * Long.BYTES;
        } finally {
            lock.unlock();
        }
    }
}
