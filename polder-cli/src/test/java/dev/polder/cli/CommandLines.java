package dev.polder.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/// Runs the command inside the test.
public final class CommandLines {

    private CommandLines() {}

    /// What a command said, and its exit code.
    public record Said(int exit, String out, String err) {}

    /// Runs `polder` with these arguments.
    public static Said run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = Main.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        int exit = line.execute(arguments);
        return new Said(exit, out.toString(), err.toString());
    }
}
