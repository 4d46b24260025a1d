/// Layer 1: the operating system as Polder sees it: the pool's memory and mappings, and the port
/// for time and parking.
@NullMarked
package dev.polder.os;

import org.jspecify.annotations.NullMarked;
