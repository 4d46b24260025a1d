/// How the programs and tests of this module are run.
@NullMarked
package dev.polder.stress;

import org.jspecify.annotations.NullMarked;
