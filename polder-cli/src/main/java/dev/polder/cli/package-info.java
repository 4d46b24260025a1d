/// The `polder` command.
@NullMarked
package dev.polder.cli;

import org.jspecify.annotations.NullMarked;
