package dev.polder.cli.console;

import java.io.Console;
import java.io.PrintWriter;

/// The line that says how far a long command is. On a terminal it is written over again and again;
/// elsewhere only its milestones are printed.
public final class Progress {

    private final PrintWriter out;
    private final boolean terminal;
    private int shown;

    /// @param out where to
    /// @param terminal whether a person watches
    public Progress(PrintWriter out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    /// For the standard output.
    @SuppressWarnings("SystemConsoleNull")      // without a terminal it is null again since JDK 25
    public static Progress of(PrintWriter out) {
        Console console = System.console();
        return new Progress(out, console != null && console.isTerminal());
    }

    /// Something moved: shown on a terminal, until the next.
    public synchronized void moved(String text) {
        if (terminal) {
            out.print("\r" + text + " ".repeat(Math.max(0, shown - text.length())));
            out.flush();
            shown = text.length();
        }
    }

    /// Something is done: stays.
    public synchronized void done(String text) {
        if (terminal) {
            out.print("\r" + " ".repeat(shown) + "\r");
            shown = 0;
        }
        out.println(text);
        out.flush();
    }
}
