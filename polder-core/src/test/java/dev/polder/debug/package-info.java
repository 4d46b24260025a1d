/// Tests of fault injection.
@NullMarked
package dev.polder.debug;

import org.jspecify.annotations.NullMarked;
