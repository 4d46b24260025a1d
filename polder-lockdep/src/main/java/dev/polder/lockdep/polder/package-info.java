/// Joins the engine to Polder: hears of allocation and reclaim through the port in `polder-scope`.
///
/// Loaded where the program's `polder-scope` is, never by the bootstrap loader, which sees these
/// classes in the agent's jar and cannot link them. The JVM asks it all the same when it links an
/// `invokedynamic` that mentions one of them, so no lambda here captures `this`.
@NullMarked
package dev.polder.lockdep.polder;

import org.jspecify.annotations.NullMarked;
