/// Tests of the memory pools.
@NullMarked
package dev.polder.mempool;

import org.jspecify.annotations.NullMarked;
