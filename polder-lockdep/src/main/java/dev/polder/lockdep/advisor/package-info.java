/// The opposite question: which scopes and masks could go without adding a cycle.
@NullMarked
package dev.polder.lockdep.advisor;

import org.jspecify.annotations.NullMarked;
