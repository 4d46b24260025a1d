/// Ports for tests and diagnosis, no-ops by default: fault injection.
@NullMarked
package dev.polder.debug;

import org.jspecify.annotations.NullMarked;
