/// Interleavings of this package, for Lincheck.
@NullMarked
package dev.polder.slab;

import org.jspecify.annotations.NullMarked;
