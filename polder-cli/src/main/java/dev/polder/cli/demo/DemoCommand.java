package dev.polder.cli.demo;

import dev.polder.cli.console.ByteSize;
import dev.polder.cli.console.CannotRun;
import dev.polder.cli.console.Progress;
import dev.polder.cli.load.DemoPolicy;
import dev.polder.cli.load.Pools;
import dev.polder.cli.report.HtmlPage;
import dev.polder.cli.report.JsonFile;
import dev.polder.cli.report.Outcome;
import dev.polder.cli.report.TextReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `polder demo`.
@Command(name = "demo", mixinStandardHelpOptions = true, sortOptions = false,
        description =
                {"Runs two stores and a cache in one pool much smaller than their data, once for "
                + "each way of guarding reclaim, and shows what each costs. The unguarded one "
                + "deadlocks; the demo tells how and goes on.", ""},
        footer = {"", "Exit code 0: all guarded policies did their work and read everything back. "
                + "1: one did not. 2: the demo could not run."})
public final class DemoCommand implements Callable<Integer> {

    @Option(names = "--budget", paramLabel = "SIZE", defaultValue = "96m",
            converter = ByteSize.class,
            description = "The pool's budget (default: ${DEFAULT-VALUE}).")
    private long budget;

    @Option(names = "--seconds", paramLabel = "N", defaultValue = "15",
            description = "How long each policy runs (default: ${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--input", paramLabel = "DIR",
            description =
                    "The files to work on (default: the JDK's lib/src.zip, else its classes).")
    private @Nullable Path input;

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "1",
            description = "How often each policy runs; from 2 on the spread is measured "
                    + "(default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1",
            description = "Seed of the operation trace (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--json", paramLabel = "FILE", description = "Write the figures here.")
    private @Nullable Path json;

    @Option(names = "--report", paramLabel = "FILE.html",
            description = "Write a page with plots here; it needs no network.")
    private @Nullable Path report;

    @Option(names = "--break", paramLabel = "WHAT",
            description = "noio: show the deadlock of writeback without its NOIO scope.")
    private @Nullable String breaks;

    @Option(names = "--check",
            description = "Run 'unguarded' and 'domain' under the lock checker with forced reclaim:"
                    + " what the first deadlocks on is told before it does.")
    private boolean check;

    @Option(names = "--work-dir", paramLabel = "DIR",
            description = "Where temporary files go (default: java.io.tmpdir).")
    private @Nullable Path workDir;

    @Spec
    private @Nullable CommandSpec spec;

    /// For picocli, which makes one.
    public DemoCommand() {}

    @Override
    public Integer call() throws IOException {
        DemoOptions options = options();
        PrintWriter out = commandSpec().commandLine().getOut();
        requireWritable("--json", json);
        requireWritable("--report", report);
        Outcome outcome = Demo.run(options, Progress.of(out));
        out.print(TextReport.of(outcome));
        write("the figures", json, JsonFile.text(outcome));
        write("the report", report, HtmlPage.text(outcome));
        List<String> complaints = outcome.complaints();
        complaints.forEach(out::println);
        out.flush();
        return complaints.isEmpty() ? 0 : 1;
    }

    private DemoOptions options() {
        if (budget < Pools.MIN_BUDGET) {
            throw wrong("--budget " + ByteSize.text(budget) + " is below the minimum of "
                    + ByteSize.text(Pools.MIN_BUDGET)
                    + ": a third of it must hold a merge buffer and the pages that it changes.");
        }
        if (!(seconds >= 1 && seconds <= 3600)) {
            throw wrong("--seconds must be 1 to 3600, not " + seconds + ".");
        }
        if (rounds < 1 || rounds > 100) {
            throw wrong("--rounds must be 1 to 100, not " + rounds + ".");
        }
        if (breaks != null && !breaks.equals("noio")) {
            throw wrong("--break knows only 'noio', not '" + breaks + "'.");
        }
        return new DemoOptions(budget, seconds, input, rounds, seed, policies(), check, json,
                report, workDir);
    }

    private List<DemoPolicy> policies() {
        if (breaks != null) {
            return List.of(DemoPolicy.NO_NOIO, DemoPolicy.SCOPE);
        }
        return check ? List.of(DemoPolicy.UNGUARDED, DemoPolicy.DOMAIN) : DemoPolicy.usual();
    }

    /// Better told now than after the run.
    private static void requireWritable(String option, @Nullable Path file) {
        if (file == null) {
            return;
        }
        Path folder = file.toAbsolutePath().getParent();
        if (Files.isDirectory(file)) {
            throw new CannotRun(option + " " + file + " is a directory; name a file.");
        }
        if (folder == null || !Files.isDirectory(folder)) {
            throw new CannotRun(option + " " + file + ": the directory " + folder
                    + " does not exist.");
        }
        if (!Files.isWritable(Files.exists(file) ? file : folder)) {
            throw new CannotRun(option + " " + file + " cannot be written to.");
        }
    }

    private static void write(String what, @Nullable Path file, String text) {
        if (file == null) {
            return;
        }
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw CannotRun.io("write " + what + " to " + file, e);
        }
    }

    private ParameterException wrong(String sentence) {
        return new ParameterException(commandSpec().commandLine(), sentence);
    }

    private CommandSpec commandSpec() {
        if (spec == null) {
            throw new IllegalStateException("picocli sets it before it calls the command");
        }
        return spec;
    }
}
