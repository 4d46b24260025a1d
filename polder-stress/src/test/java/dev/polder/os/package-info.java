/// Races of this package, for jcstress.
@NullMarked
package dev.polder.os;

import org.jspecify.annotations.NullMarked;
