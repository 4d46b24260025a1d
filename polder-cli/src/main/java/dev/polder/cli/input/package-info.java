/// The demo's real input: files of a directory, a zip or the run-time image, gathered into one file
/// that every policy's process maps.
@NullMarked
package dev.polder.cli.input;

import org.jspecify.annotations.NullMarked;
