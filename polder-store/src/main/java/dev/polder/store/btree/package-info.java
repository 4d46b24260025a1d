/// The tree: nodes in pages, values in runs, the map of free pages, and the private pages of a
/// transaction. Knows pages and the cache, not the journal.
@NullMarked
package dev.polder.store.btree;

import org.jspecify.annotations.NullMarked;
