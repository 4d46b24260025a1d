/// Shrinkers: the registry that reclaim walks, the arithmetic that says how much to ask of each,
/// and the driver that calls consumers safely.
@NullMarked
package dev.polder.shrink;

import org.jspecify.annotations.NullMarked;
