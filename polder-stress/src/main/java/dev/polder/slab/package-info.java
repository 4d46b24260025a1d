/// Races of this package, for jcstress.
@NullMarked
package dev.polder.slab;

import org.jspecify.annotations.NullMarked;
