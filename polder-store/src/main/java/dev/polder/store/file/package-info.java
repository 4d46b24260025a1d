/// What is on the disk: files, pages, superblocks and journal blocks, byte by byte. Knows nothing
/// of caches, trees or transactions.
@NullMarked
package dev.polder.store.file;

import org.jspecify.annotations.NullMarked;
