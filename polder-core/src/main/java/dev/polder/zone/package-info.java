/// The pool's frames: the frame table, the binary buddy, its watermarks and the per-stripe lists in
/// front of it. Mechanism only: nothing here reclaims, waits or knows who asks.
@NullMarked
package dev.polder.zone;

import org.jspecify.annotations.NullMarked;
