package dev.polder.store.btree;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/// Where a tree that is being changed has its nodes. A transaction's private pages in a store;
/// plain memory in the tree's own tests.
///
/// An offset is good until the operation on the tree ends, except that [#writable] of the same page
/// makes an older one stale.
interface TreePages {
    /// The memory in which the offsets are.
    MemorySegment memory();

    /// Offset of a node to read.
    long readable(long number) throws IOException;

    /// Offset of a node to change.
    long writable(long number) throws IOException;

    /// A new empty node.
    ///
    /// @return its number
    long create(boolean leaf, int level) throws IOException;

    /// The node is no more part of the tree.
    void release(long number);
}
