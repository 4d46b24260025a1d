/// Tests of the counters.
@NullMarked
package dev.polder.stat;

import org.jspecify.annotations.NullMarked;
