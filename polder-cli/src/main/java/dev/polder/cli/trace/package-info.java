/// The recorded operation trace: who does what in which phase. It is made once from a seed, so that
/// every policy runs the same operations in the same order.
@NullMarked
package dev.polder.cli.trace;

import org.jspecify.annotations.NullMarked;
