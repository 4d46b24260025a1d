/// What tests and diagnosis use, and what costs nothing while it is off: fault injection, and the
/// debug mode's stacks, patterns, quarantine and findings.
@NullMarked
package dev.polder.debug;

import org.jspecify.annotations.NullMarked;
