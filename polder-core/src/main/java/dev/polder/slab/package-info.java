/// Object caches and `kmalloc`: slabs of equal objects cut from page runs, with sheaves of free
/// objects in front of them. The kernel's `mm/slub.c`; Bonwick and Adams 2001.
///
/// Locks of this package; none is held while a page is asked for (R1), while a run is given back,
/// or over a callback (R2):
///
/// * a stripe's busy word ([SheafStripe]): only ever tried, never waited for; protects the stripe's
///   two sheaves. With it held the depot's lock may be taken, and no other;
/// * a depot's lock ([Depot]): the stacks of whole sheaves; a leaf;
/// * a cache's lock ([CacheNode]): its slabs' lists and free maps; a leaf, never taken with a
///   stripe or the depot held;
/// * the lock of [ThreadRegistry]: which threads own sheaves. Held over a recall's barrier; what
///   the recall brings goes to the slabs after it. A thread that would join only tries it.
///
/// Sheaves that a thread owns are under no lock but a protocol, which stands in [ThreadSheaves].
@NullMarked
package dev.polder.slab;

import org.jspecify.annotations.NullMarked;
