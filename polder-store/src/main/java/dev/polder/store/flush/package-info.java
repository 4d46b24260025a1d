/// Writing back: dirty pages into their places, and checkpoints.
@NullMarked
package dev.polder.store.flush;

import org.jspecify.annotations.NullMarked;
