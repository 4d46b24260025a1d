/// Interleavings of this package, for Lincheck.
@NullMarked
package dev.polder.vmalloc;

import org.jspecify.annotations.NullMarked;
