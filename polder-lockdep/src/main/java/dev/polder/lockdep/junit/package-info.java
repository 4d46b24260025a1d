/// The lock checker in JUnit 5 and 6.
@NullMarked
package dev.polder.lockdep.junit;

import org.jspecify.annotations.NullMarked;
