/// Small programs of our own in the shape of bugs that others reported, each with its mended twin;
/// see `docs/museum.md`. They run on one thread, nothing hangs in them, and they know nothing of
/// Polder unless the mended twin is Polder's scope.
@NullMarked
package dev.polder.museum;

import org.jspecify.annotations.NullMarked;
