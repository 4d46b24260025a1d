/// Tests of the page allocator, on virtual time.
@NullMarked
package dev.polder.page;

import org.jspecify.annotations.NullMarked;
