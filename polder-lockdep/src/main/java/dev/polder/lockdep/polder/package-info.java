/// Joins the engine to Polder: hears of allocation and reclaim through the port in `polder-scope`.
///
/// Loaded where the program's `polder-scope` is, never by the bootstrap loader.
@NullMarked
package dev.polder.lockdep.polder;

import org.jspecify.annotations.NullMarked;
