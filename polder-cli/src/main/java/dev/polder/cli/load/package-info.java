/// One policy's process: two stores and a cache over one pool, the threads that go through the
/// trace, and what watches and measures them.
@NullMarked
package dev.polder.cli.load;

import org.jspecify.annotations.NullMarked;
