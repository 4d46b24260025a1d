/// Guaranteed reserves: memory pools whose allocations with a blocking mask never fail. The
/// kernel's `mm/mempool.c`.
@NullMarked
package dev.polder.mempool;

import org.jspecify.annotations.NullMarked;
