/// Event counters of a pool: names as in vmstat, striped, read while they move.
@NullMarked
package dev.polder.stat;

import org.jspecify.annotations.NullMarked;
