/// Races of this package, for jcstress.
@NullMarked
package dev.polder.shrink;

import org.jspecify.annotations.NullMarked;
