/// The command `polder demo`: reads the input, runs every policy in a process of its own, and shows
/// what came of it.
@NullMarked
package dev.polder.cli.demo;

import org.jspecify.annotations.NullMarked;
