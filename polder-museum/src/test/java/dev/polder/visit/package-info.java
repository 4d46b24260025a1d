/// The lock checker's agent over jars that others published, in JVMs of their own.
@NullMarked
package dev.polder.visit;

import org.jspecify.annotations.NullMarked;
