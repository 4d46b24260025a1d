/// Tests of remapped areas and their page tables.
@NullMarked
package dev.polder.vmalloc;

import org.jspecify.annotations.NullMarked;
