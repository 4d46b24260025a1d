/// The agent: puts the engine under a program that knows nothing of it. Java 25, for
/// `java.lang.classfile`; what it instruments may be compiled for any release.
@NullMarked
package dev.polder.lockdep.agent;

import org.jspecify.annotations.NullMarked;
