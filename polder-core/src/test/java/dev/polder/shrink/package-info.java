/// Tests of the shrinkers: the arithmetic against a model written from the rows, and callbacks that
/// behave badly.
@NullMarked
package dev.polder.shrink;

import org.jspecify.annotations.NullMarked;
