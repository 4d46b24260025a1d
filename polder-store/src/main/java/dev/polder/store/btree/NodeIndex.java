package dev.polder.store.btree;

import static dev.polder.store.file.PageImage.I32;
import static dev.polder.store.file.PageImage.I64;

import dev.polder.store.pool.StorePool;
import java.lang.foreign.MemorySegment;

/// The in-core part of a node, an object of the store's node cache: the heads of every n-th key,
/// densely, so that a search looks at one or two cache lines here and a few cells of the page.
///
/// ```
///  0  page number   8  samples   12  stride   16  zero   32  heads: key i * stride, 8 bytes each
/// ```
/// Built when a version is finished, and never changed: a version's content does not change either.
final class NodeIndex {
    private static final int HEADS = 32;
    private static final int MOST = (StorePool.NODE_BYTES - HEADS) / 8;

    private NodeIndex() {}

    /// Builds the index at `index` of the node at `at`.
    static void build(MemorySegment m, long index, long at, long number) {
        int n = NodePage.count(m, at);
        int stride = Math.max(1, (n + MOST - 1) / MOST);
        int samples = (n + stride - 1) / stride;
        m.set(I64, index, number);
        m.set(I32, index + 8, samples);
        m.set(I32, index + 12, stride);
        m.set(I64, index + 16, 0);
        for (int i = 0; i < samples; i++) {
            long cell = NodePage.cell(m, at, i * stride);
            m.set(I64, index + HEADS + 8L * i, Key.head(m, NodePage.keyAt(m, at, cell),
                    NodePage.keyLength(m, cell)));
        }
    }

    /// Looks for a key in the node at `at`, as [NodePage#search] does.
    static int search(MemorySegment m, long index, long at, Key key) {
        int n = NodePage.count(m, at);
        int samples = m.get(I32, index + 8);
        int stride = m.get(I32, index + 12);
        int from = below(m, index, samples, key.head, false);
        int to = below(m, index, samples, key.head, true);
        // Samples 0…from-1 are smaller than the key, samples to… greater: it is behind the last of
        // the one kind and before the first of the other.
        return NodePage.search(m, at, key, Math.max(0, (from - 1) * stride),
                Math.min(n, to * stride));
    }

    /// How many samples are below `head`, or not above it.
    private static int below(MemorySegment m, long index, int samples, long head, boolean orEqual) {
        int lo = 0;
        int hi = samples;
        while (lo < hi) {
            int mid = (lo + hi) >>> 1;
            int c = Long.compareUnsigned(m.get(I64, index + HEADS + 8L * mid), head);
            if (c < 0 || (orEqual && c == 0)) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        return lo;
    }
}
