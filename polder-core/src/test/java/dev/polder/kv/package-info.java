/// Tests of memory of any size.
@NullMarked
package dev.polder.kv;

import org.jspecify.annotations.NullMarked;
