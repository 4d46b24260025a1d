/// Tests of the constants and checks.
@NullMarked
package dev.polder.base;

import org.jspecify.annotations.NullMarked;
