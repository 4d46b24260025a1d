/// Tests of the object caches.
@NullMarked
package dev.polder.slab;

import org.jspecify.annotations.NullMarked;
