/// The page cache: versions of pages in frames of the pool, who keeps them, and which may go.
@NullMarked
package dev.polder.store.cache;

import org.jspecify.annotations.NullMarked;
