/// Polder and its peers, measured in one run by the processor time they take.
///
/// Not a library: `./polder-bench/bench` runs it. `docs/benchmarks/README.md` says how to read what
/// comes out.
@NullMarked
package dev.polder.bench;

import org.jspecify.annotations.NullMarked;
