/// What every command shares with the person at the terminal: sizes as people write them, reasons
/// that need no stack trace, and a line that shows progress.
@NullMarked
package dev.polder.cli.console;

import org.jspecify.annotations.NullMarked;
