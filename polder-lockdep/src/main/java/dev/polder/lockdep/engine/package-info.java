/// The engine: lock classes, held stacks, the graph of lock order, and the reports it leads to.
///
/// Java 17 and nothing but `java.base`, because an agent puts it on the bootstrap class path, where
/// it must serve every class of the program under test. It takes only monitors of its own, never
/// those of the program, and calls no code of the program.
@NullMarked
package dev.polder.lockdep.engine;

import org.jspecify.annotations.NullMarked;
