/// The contract between reclaim and those who hold memory that can be given back.
@NullMarked
package dev.polder.shrinker;

import org.jspecify.annotations.NullMarked;
