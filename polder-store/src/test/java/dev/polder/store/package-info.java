/// Tests of the store as its users see it, and the programs that they start and kill.
@NullMarked
package dev.polder.store;

import org.jspecify.annotations.NullMarked;
