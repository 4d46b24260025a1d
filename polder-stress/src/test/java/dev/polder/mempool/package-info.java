/// Interleavings of this package, for Lincheck.
@NullMarked
package dev.polder.mempool;

import org.jspecify.annotations.NullMarked;
