/// Layer 5: virtually contiguous areas, made by mapping scattered frames next to one another, and
/// the page tables that record which frame is where.
@NullMarked
package dev.polder.vmalloc;

import org.jspecify.annotations.NullMarked;
