/// Races and interleavings of this package, for jcstress and Lincheck.
@NullMarked
package dev.polder.slab;

import org.jspecify.annotations.NullMarked;
