package dev.polder.cli.check;

import dev.polder.cli.console.CannotRun;
import dev.polder.lockdep.Check;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `polder check`.
@Command(name = "check", mixinStandardHelpOptions = true, sortOptions = false,
        customSynopsis = "polder check [OPTIONS] -- java ...",
        description = {"Runs a Java program, any program, under the lock checker: it reports locks "
                + "that can deadlock, and allocations whose reclaim needs a lock that is held, "
                + "although nothing hangs.", ""},
        footer = {"", "Exit code 0: nothing was found and the program ended with 0. 3: something "
                + "was found. 2: the check could not run. Else: the program's own."})
public final class CheckCommand implements Callable<Integer> {

    @Option(names = "--rules", paramLabel = "FILE|NAME",
            description = "Which methods allocate, reclaim and wait: a file, or a pack that comes "
                    + "along. May be repeated.")
    private List<String> rules = List.of();

    @Option(names = "--report", paramLabel = "FILE",
            description = "Write the result here; JSON if it ends in .json (default: standard "
                    + "error).")
    private @Nullable Path report;

    @Option(names = "--suppress", paramLabel = "FILE",
            description = "Findings that are accepted, each with a reason.")
    private @Nullable Path suppress;

    @Option(names = "--exclude", paramLabel = "PREFIX",
            description = "Leave classes alone whose names begin so. May be repeated.")
    private List<String> exclude = List.of();

    @Option(names = "--include", paramLabel = "PREFIX",
            description = "Watch only classes whose names begin so. May be repeated.")
    private List<String> include = List.of();

    @Option(names = "--force", paramLabel = "N",
            description = "Let every N-th allocation from Polder that may reclaim run the shrinkers"
                    + " first, so that both halves of a cycle are seen though memory is plenty.")
    private @Nullable Integer force;

    @Option(names = "--monitors-by-field",
            description = "Tell monitors of one class apart by the field that they are read from.")
    private boolean monitorsByField;

    @Option(names = "--advise",
            description = "List scopes and masks that protect nothing, or could be simpler.")
    private boolean advise;

    @Parameters(paramLabel = "java ...", hidden = true)
    private List<String> command = List.of();

    @Spec
    private @Nullable CommandSpec spec;

    /// For picocli, which makes one.
    public CheckCommand() {}

    @Override
    public Integer call() throws InterruptedException {
        if (spec == null) {
            throw new IllegalStateException("picocli did not set the spec");
        }
        PrintWriter err = spec.commandLine().getErr();
        try {
            return check().run(note -> {
                err.println("polder check: " + note + ".");
                err.flush();
            });
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "polder check: " + e.getMessage());
        } catch (IOException e) {
            throw CannotRun.io("start the program", e);
        }
    }

    private Check check() throws IOException {
        Check check = new Check(command);
        for (String r : rules) {
            check.rules(r);
        }
        if (report != null) {
            check.report(report);
        }
        if (suppress != null) {
            check.suppress(suppress);
        }
        exclude.forEach(check::exclude);
        include.forEach(check::include);
        if (force != null) {
            check.force(force);
        }
        if (monitorsByField) {
            check.monitorsByField();
        }
        if (advise) {
            check.advise();
        }
        return check;
    }
}
