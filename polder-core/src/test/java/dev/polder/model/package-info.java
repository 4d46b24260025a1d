/// A reference model of page requests and reclaim, written from the rows, and random programs that
/// run on it and on the real thing.
@NullMarked
package dev.polder.model;

import org.jspecify.annotations.NullMarked;
