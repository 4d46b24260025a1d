/// Charges of memory groups under races.
@NullMarked
package dev.polder.memgroup;

import org.jspecify.annotations.NullMarked;
