/// The store's way to the memory manager: every allocation of a store passes here, and here its
/// reclaim policy is applied.
@NullMarked
package dev.polder.store.pool;

import org.jspecify.annotations.NullMarked;
