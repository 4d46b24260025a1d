/// `polder check`: runs a program under the lock checker.
@NullMarked
package dev.polder.cli.check;

import org.jspecify.annotations.NullMarked;
