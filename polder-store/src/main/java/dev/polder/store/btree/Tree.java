package dev.polder.store.btree;

import dev.polder.store.file.PageImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A B+tree as its one writer sees and changes it. Values in leaves, the shortest key that
/// separates two leaves above them; no links between leaves.
///
/// Invariants, walked by [TreeWalk]:
///
/// 1. All leaves have level 0, and all are `height - 1` below the root.
/// 2. Keys ascend strictly within a node, and lie in [separator left of the node, separator right
///    of it).
/// 3. An inner node has at least one separator, so two children; a leaf is empty only as the root.
public final class Tree {
    /// A tree this high would hold more than any disk.
    private static final int MOST_LEVELS = 24;
    /// A node below a quarter looks for a neighbour to join; together they may fill seven eighths,
    /// so that the next insertion does not split them again.
    private static final int POOR = NodePage.USABLE / 4;
    private static final int JOINED = NodePage.USABLE / 8 * 7;

    private final TreePages pages;
    private final long[] path = new long[MOST_LEVELS];
    private final int[] turn = new int[MOST_LEVELS];
    private long root;
    private int height;
    private long keys;

    Tree(TreePages pages, long root, int height, long keys) {
        this.pages = pages;
        this.root = root;
        this.height = height;
        this.keys = keys;
    }

    /// Page of the root.
    public long root() {
        return root;
    }

    /// Levels.
    public int height() {
        return height;
    }

    /// Keys.
    public long keys() {
        return keys;
    }

    /// Copy of the leaf cell of a key; null if the key is not there.
    byte @Nullable [] find(byte[] keyBytes) throws IOException {
        Key key = new Key(keyBytes);
        int found = descend(key);
        return found < 0 ? null
                : NodePage.copy(pages.memory(), pages.readable(path[height - 1]), found);
    }

    /// Puts a leaf cell in place of what its key had.
    ///
    /// @return the cell that was there, or null
    byte @Nullable [] put(byte[] cell) throws IOException {
        Key key = new Key(ValueRef.key(cell));
        MemorySegment m = pages.memory();
        int found = descend(key);
        long at = pages.writable(path[height - 1]);
        byte[] old = null;
        int i = -1 - found;
        if (found >= 0) {
            i = found;
            old = NodePage.copy(m, at, i);
            NodePage.remove(m, at, i);
        } else {
            keys++;
        }
        insert(height - 1, i, cell);
        return old;
    }

    /// Takes a key out.
    ///
    /// @return the cell that was there, or null
    byte @Nullable [] remove(byte[] keyBytes) throws IOException {
        MemorySegment m = pages.memory();
        int found = descend(new Key(keyBytes));
        if (found < 0) {
            return null;
        }
        long at = pages.writable(path[height - 1]);
        byte[] old = NodePage.copy(m, at, found);
        NodePage.remove(m, at, found);
        keys--;
        join(height - 1);
        return old;
    }

    /// Goes to the leaf of a key and notes the way.
    private int descend(Key key) throws IOException {
        MemorySegment m = pages.memory();
        long number = root;
        for (int d = 0;; d++) {
            long at = pages.readable(number);
            int found = NodePage.search(m, at, key);
            path[d] = number;
            if (NodePage.leaf(m, at)) {
                assert d == height - 1 : "leaf at depth " + d + " of " + height;
                return found;
            }
            turn[d] = NodePage.childIndex(found);
            number = NodePage.child(m, at, turn[d]);
        }
    }

    /// Puts a cell into the node at depth `d`, which is writable, and splits it where necessary.
    private void insert(int d, int i, byte[] cell) throws IOException {
        MemorySegment m = pages.memory();
        long at = pages.writable(path[d]);
        if (NodePage.insert(m, at, i, cell)) {
            return;
        }
        List<byte[]> cells = NodePage.cells(m, at);
        cells.add(i, cell);
        boolean leaf = NodePage.leaf(m, at);
        int cut = cut(cells, i, leaf);
        long right = pages.create(leaf, height - 1 - d);
        at = pages.writable(path[d]);
        long rightAt = pages.writable(right);
        byte[] separator;
        if (leaf) {
            separator = separator(ValueRef.key(cells.get(cut - 1)), ValueRef.key(cells.get(cut)));
            NodePage.rebuild(m, rightAt, cells.subList(cut, cells.size()));
        } else {
            byte[] up = cells.get(cut);
            separator = Arrays.copyOfRange(up, NodePage.INNER_HEAD, up.length);
            NodePage.leftmost(m, rightAt, childOf(up));
            NodePage.rebuild(m, rightAt, cells.subList(cut + 1, cells.size()));
        }
        NodePage.rebuild(m, at, cells.subList(0, cut));
        raise(d, separator, right);
    }

    /// Hangs a new right neighbour of the node at depth `d` into the parent; grows a new root.
    private void raise(int d, byte[] separator, long right) throws IOException {
        byte[] cell = innerCell(separator, right);
        if (d > 0) {
            insert(d - 1, turn[d - 1], cell);
            return;
        }
        if (height == MOST_LEVELS) {
            throw new IllegalStateException("the tree would have more than " + height + " levels");
        }
        long top = pages.create(false, height);
        long at = pages.writable(top);
        NodePage.leftmost(pages.memory(), at, root);
        NodePage.insert(pages.memory(), at, 0, cell);
        root = top;
        height++;
    }

    /// Where to cut a full node: in the middle by bytes; or, when keys come in ascending order,
    /// before the last one, so that the left node stays full.
    private static int cut(List<byte[]> cells, int inserted, boolean leaf) {
        int n = cells.size();
        if (inserted == n - 1) {
            return leaf ? n - 1 : n - 2;
        }
        int all = 0;
        for (byte[] c : cells) {
            all += NodePage.weight(c);
        }
        int left = 0;
        int cut = 0;
        while (left < all / 2) {
            left += NodePage.weight(cells.get(cut++));
        }
        return Math.clamp(cut, 1, n - (leaf ? 1 : 2));
    }

    /// The shortest key greater than `left` and not greater than `right`.
    private static byte[] separator(byte[] left, byte[] right) {
        int d = Arrays.mismatch(left, right);
        assert d >= 0 && d < right.length : "keys do not ascend";
        return Arrays.copyOf(right, d + 1);
    }

    private static byte[] innerCell(byte[] key, long child) {
        byte[] cell = new byte[NodePage.INNER_HEAD + key.length];
        MemorySegment m = MemorySegment.ofArray(cell);
        m.set(PageImage.U16, 0, (short) key.length);
        m.set(PageImage.I64, 2, child);
        MemorySegment.copy(key, 0, m, ValueLayout.JAVA_BYTE, NodePage.INNER_HEAD, key.length);
        return cell;
    }

    private static long childOf(byte[] innerCell) {
        return MemorySegment.ofArray(innerCell).get(PageImage.I64, 2);
    }

    /// Joins the node at depth `d` with a neighbour if it has become poor; lowers the root.
    private void join(int d) throws IOException {
        MemorySegment m = pages.memory();
        long at = pages.readable(path[d]);
        int n = NodePage.count(m, at);
        if (d == 0) {
            if (n == 0 && height > 1) {
                root = NodePage.child(m, at, 0);
                pages.release(path[0]);
                height--;
            }
            return;
        }
        if (NodePage.used(m, at) >= POOR) {
            return;
        }
        long parent = pages.readable(path[d - 1]);
        int right = turn[d - 1] > 0 ? turn[d - 1] : 1;
        long leftPage = NodePage.child(m, parent, right - 1);
        long rightPage = NodePage.child(m, parent, right);
        List<byte[]> cells = together(parent, right, leftPage, rightPage);
        int weight = 0;
        for (byte[] c : cells) {
            weight += NodePage.weight(c);
        }
        if (weight > (n == 0 ? NodePage.USABLE : JOINED)) {
            if (n == 0) {
                share(d, right, rightPage, leftPage, cells);
            }
            return;
        }
        NodePage.rebuild(m, pages.writable(leftPage), cells);
        NodePage.remove(m, pages.writable(path[d - 1]), right - 1);
        pages.release(rightPage);
        join(d - 1);
    }

    /// An inner node has lost its last separator, and its neighbour is too full to take its one
    /// child: they share.
    private void share(int d, int right, long rightPage, long leftPage, List<byte[]> cells)
            throws IOException {
        MemorySegment m = pages.memory();
        int cut = cells.size() / 2;
        byte[] up = cells.get(cut);
        NodePage.rebuild(m, pages.writable(leftPage), cells.subList(0, cut));
        long at = pages.writable(rightPage);
        NodePage.leftmost(m, at, childOf(up));
        NodePage.rebuild(m, at, cells.subList(cut + 1, cells.size()));
        NodePage.remove(m, pages.writable(path[d - 1]), right - 1);
        insert(d - 1, right - 1,
                innerCell(Arrays.copyOfRange(up, NodePage.INNER_HEAD, up.length), rightPage));
    }

    /// The cells of two neighbours; of inner nodes with the separator between them.
    private List<byte[]> together(long parent, int right, long leftPage, long rightPage)
            throws IOException {
        MemorySegment m = pages.memory();
        byte[] between = NodePage.key(m, parent, right - 1);
        List<byte[]> cells = NodePage.cells(m, pages.readable(leftPage));
        long r = pages.readable(rightPage);
        if (!NodePage.leaf(m, r)) {
            cells.add(innerCell(between, NodePage.child(m, r, 0)));
        }
        cells.addAll(NodePage.cells(m, r));
        return cells;
    }
}
