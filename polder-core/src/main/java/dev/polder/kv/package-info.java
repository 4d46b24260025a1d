/// Layer 6: memory of any size, contiguous where that is easy and remapped where it is not.
@NullMarked
package dev.polder.kv;

import org.jspecify.annotations.NullMarked;
