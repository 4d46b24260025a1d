package dev.polder.cli;

import dev.polder.cli.check.CheckCommand;
import dev.polder.cli.console.CannotRun;
import dev.polder.cli.demo.DemoCommand;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;
import org.jspecify.annotations.Nullable;

/// The `polder` command with its subcommands.
@Command(name = "polder", mixinStandardHelpOptions = true, versionProvider = Version.class,
        synopsisSubcommandLabel = "COMMAND", usageHelpAutoWidth = true,
        description = {"A memory manager for the JVM in the manner of Linux mm: one budget for "
                + "everything off-heap, memory that gives itself back, and no reclaim into what "
                + "you "
                + "hold.", ""},
        subcommands = {DemoCommand.class, CheckCommand.class},
        footer = {"", "Start with 'polder demo'. Each command has its own --help."})
public final class Main implements Runnable {

    @Spec
    private @Nullable CommandSpec spec;

    /// For picocli, which makes one.
    public Main() {}

    /// Runs the command and ends the JVM with its exit code: 0 done, 1 it showed a failure, 2 it
    /// could not run.
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    /// The command line, with its ways to tell of trouble.
    static CommandLine commandLine() {
        CommandLine line = new CommandLine(new Main());
        // What follows the program's name is the program's, whatever it looks like.
        for (CommandLine command : line.getSubcommands().values()) {
            command.setStopAtPositional(true);
        }
        line.setParameterExceptionHandler((e, args) -> {
            PrintWriter err = e.getCommandLine().getErr();
            err.println(e.getMessage());
            err.println("Try '" + e.getCommandLine().getCommandSpec().qualifiedName()
                    + " --help'.");
            err.flush();
            return ExitCode.USAGE;
        });
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            PrintWriter err = command.getErr();
            err.println(e instanceof CannotRun ? e.getMessage() : "Failed: " + e);
            err.flush();
            return e instanceof CannotRun ? ExitCode.USAGE : ExitCode.SOFTWARE;
        });
        return line;
    }

    @Override
    public void run() {
        if (spec != null) {
            PrintWriter out = spec.commandLine().getOut();
            out.print(spec.commandLine().getUsageMessage());
            out.flush();
        }
    }
}
