package dev.polder.cli.load;

import dev.polder.cli.console.CannotRun;
import dev.polder.cli.console.WorkDir;
import dev.polder.cli.load.Event.Kind;
import dev.polder.store.StoreFullException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// The main class of a policy's process. Started by the demo only: it speaks events on its standard
/// output, and ends when its standard input does, which is when its parent ends.
public final class ChildMain {

    /// Exit code of a run that is stuck without a chain that closes.
    static final int STUCK = 3;

    private static final int FAILED = 4;

    private ChildMain() {}

    /// Does what the arguments say ([RunPlan]).
    public static void main(String[] arguments) {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err);
        int exit = 0;
        try {
            RunPlan plan = RunPlan.fromArguments(arguments);
            Thread.ofPlatform().daemon().name("polder-demo-parent")
                    .start(() -> endWithParent(plan));
            switch (plan.task()) {
                case FILL -> Fill.perform(plan, out);
                case RUN -> Run.perform(plan, out);
            }
            Event.text(Kind.DONE, "done").send(out);
        } catch (CannotRun e) {
            Event.text(Kind.CANNOT, String.valueOf(e.getMessage())).send(out);
        } catch (StoreFullException e) {
            Event.text(Kind.CANNOT,
                    "The disk became full: free some space or choose another place with"
                    + " --work-dir.").send(out);
        } catch (Throwable e) {
            exit = tell(e, out);
        }
        out.flush();
        // A deadlocked or failed actor may still run: the process ends without it.
        Runtime.getRuntime().halt(exit);
    }

    private static int tell(Throwable e, PrintStream out) {
        for (Throwable t = e; t != null; t = t.getCause()) {
            if (t instanceof IOException io && CannotRun.isOrdinary(io)) {
                Event.text(Kind.CANNOT, String.valueOf(
                        CannotRun.io("work with temporary files", io).getMessage())).send(out);
                return 0;
            }
            if (t instanceof IllegalStateException && String.valueOf(t.getMessage())
                    .contains("container")) {
                Event.text(Kind.CANNOT, String.valueOf(t.getMessage())).send(out);
                return 0;
            }
        }
        System.err.println("failed: " + e);
        for (Throwable t = e; t != null; t = t.getCause()) {
            System.err.println(t);
            for (StackTraceElement frame : t.getStackTrace()) {
                System.err.println("    at " + frame);
            }
        }
        System.err.flush();
        return FAILED;
    }

    /// The parent cannot clean up when it was killed.
    private static void endWithParent(RunPlan plan) {
        try {
            int read = System.in.read();
            while (read >= 0) {
                read = System.in.read();
            }
        } catch (IOException e) {
            System.err.println("the parent's pipe broke: " + e.getMessage());
        }
        Path work = plan.corpus().getParent();
        if (work != null && String.valueOf(work.getFileName()).startsWith(WorkDir.PREFIX)) {
            WorkDir.delete(work);
        }
        Runtime.getRuntime().halt(FAILED);
    }
}
