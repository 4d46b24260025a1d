/// The lock checker: finds the deadlock that has not happened yet, in any JVM program.
@NullMarked
package dev.polder.lockdep;

import org.jspecify.annotations.NullMarked;
