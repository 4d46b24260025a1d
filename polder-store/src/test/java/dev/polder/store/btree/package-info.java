/// Tests of the tree on plain memory.
@NullMarked
package dev.polder.store.btree;

import org.jspecify.annotations.NullMarked;
