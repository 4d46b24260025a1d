/// Interleavings of this package, for Lincheck.
@NullMarked
package dev.polder.zone;

import org.jspecify.annotations.NullMarked;
