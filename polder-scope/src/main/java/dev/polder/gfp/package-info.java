/// Masks, scopes, domains and hand-off: what an allocation may do to be served, said per request
/// (`Gfp`) or once for everything below a lock (`MemallocScope`, `ReclaimDomain`).
@NullMarked
package dev.polder.gfp;

import org.jspecify.annotations.NullMarked;
