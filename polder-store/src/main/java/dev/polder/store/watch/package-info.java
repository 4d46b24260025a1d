/// Who waits for what inside the stores of this process, kept so that a wait that never ends can be
/// told. Imports nothing of the store.
@NullMarked
package dev.polder.store.watch;

import org.jspecify.annotations.NullMarked;
