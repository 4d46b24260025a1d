/// Memory groups: a tree of charges with limits, the kernel's memory cgroups.
@NullMarked
package dev.polder.memgroup;

import org.jspecify.annotations.NullMarked;
