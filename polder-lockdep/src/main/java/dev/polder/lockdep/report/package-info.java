/// What becomes of findings: text, JSON, suppressions, and the list that a run ends with.
@NullMarked
package dev.polder.lockdep.report;

import org.jspecify.annotations.NullMarked;
