/// Polder's front door: open a pool, allocate, free, register what can give memory back. The only
/// place that wires the layers together.
@NullMarked
package dev.polder;

import org.jspecify.annotations.NullMarked;
