package dev.polder.lockdep.report;

import dev.polder.lockdep.engine.Edge;
import dev.polder.lockdep.engine.LockClass;
import dev.polder.lockdep.engine.Report;
import java.util.List;

/// A finding for people, in the order in which lockdep tells it.
public final class TextReport {
    /// Frames shown of each stack: what lies deeper is in the JSON.
    static final int FRAMES = 16;

    private static final int COLUMN = 44;

    private TextReport() {}

    /// The finding in full.
    public static String of(Report r) {
        StringBuilder out = new StringBuilder();
        line(out, "======================================================");
        line(out, r.kind().title() + "   [" + r.id() + "]");
        line(out, "------------------------------------------------------");
        banner(out, r);
        chain(out, r);
        if (r.kind() == Report.Kind.CYCLE) {
            instances(out, r);
            scenario(out, r);
        }
        held(out, r);
        if (!r.scope().isEmpty()) {
            line(out, "Scope in force: " + r.scope());
        }
        line(out, "");
        line(out, "Stack of " + r.thread() + ":");
        stack(out, r.stack());
        return out.toString();
    }

    private static void banner(StringBuilder out, Report r) {
        String wanted = lock(r.wanted(), r.wantedHash(), r.wantedMode());
        switch (r.kind()) {
            case BLOCKING -> {
                line(out, r.thread() + " must not block, and asks for memory in a way that may");
                line(out, "block: it would take");
                line(out, "    " + wanted);
                return;
            }
            case REENTRY -> line(out, r.thread() + " is in reclaim, called by its own allocation, "
                    + "and takes again:");
            default -> line(out, r.thread() + (r.wanted().kind() == LockClass.Kind.RECLAIM
                    ? " asks for memory and may reclaim, that is take:"
                    : " is trying to take:"));
        }
        line(out, "    " + wanted);
        line(out, "but it already holds:");
        Report.Held h = r.against();
        line(out, "    " + lock(h.lock(), h.hash(), h.mode())
                + (h.at().isEmpty() ? "" : ", taken at " + h.at()));
        if (r.kind() == Report.Kind.CYCLE) {
            line(out, "which already depends on what it is trying to take.");
        }
    }

    private static void chain(StringBuilder out, Report r) {
        List<Edge> chain = r.chain();
        if (chain.isEmpty()) {
            return;
        }
        line(out, "");
        line(out, "The dependencies, newest first, each with the stack that first made it:");
        for (int i = chain.size() - 1; i >= 0; i--) {
            Edge e = chain.get(i);
            line(out, "");
            line(out, "-> #" + i + "  " + lock(e.to(), e.toHash(), e.toMode()));
            line(out, "       wanted while holding " + lock(e.from(), e.fromHash(), e.fromMode())
                    + (e.heldAt().isEmpty() ? "" : ", taken at " + e.heldAt()));
            line(out, "       by " + e.thread()
                    + (e.scope().isEmpty() ? "" : ", inside " + e.scope()));
            stack(out, e.stack());
        }
    }

    private static void instances(StringBuilder out, Report r) {
        line(out, "");
        line(out, r.instances() == Report.Instances.SAME
                ? "The same lock objects were seen all the way round: these can deadlock."
                : "Where they were first seen, these dependencies joined different objects of the "
                        + "same classes: a deadlock if they can ever be the same objects.");
    }

    /// The kernel's two columns: what another thread does on the left's back.
    private static void scenario(StringBuilder out, Report r) {
        List<Edge> chain = r.chain();
        Edge newest = chain.get(chain.size() - 1);
        line(out, "");
        if (chain.size() > 2) {
            StringBuilder way = new StringBuilder(chain.get(0).from().name());
            for (Edge e : chain) {
                way.append(" --> ").append(e.to().name());
            }
            line(out, "Chain exists of: " + way);
        }
        line(out, "Possible unsafe scenario:");
        line(out, "");
        line(out, pad("    this thread") + "another thread");
        line(out, pad("    -----------") + "--------------");
        Edge last = chain.get(chain.size() - 2);
        line(out, "    " + verb(newest.from(), true));
        line(out, pad("") + verb(newest.to(), true));
        line(out, pad("") + verb(last.to(), false) + "   <- waits for this thread");
        line(out, "    " + verb(newest.to(), false) + "   <- waits for the other: DEADLOCK");
    }

    private static String verb(LockClass c, boolean holds) {
        return switch (c.kind()) {
            case RECLAIM -> holds ? "reclaims (" + c.name() + ")" : "allocates (" + c.name() + ")";
            case MEMORY, NAMED -> holds ? "must run on for " + c.name() : "waits for " + c.name();
            default -> "lock(" + c.name() + ")";
        };
    }

    private static String pad(String text) {
        return String.format("%-" + COLUMN + "s", text);
    }

    private static void held(StringBuilder out, Report r) {
        line(out, "");
        line(out, r.held().size() + " held by " + r.thread() + ", outermost first:");
        int i = 0;
        for (Report.Held h : r.held()) {
            line(out, "  #" + i++ + "  " + lock(h.lock(), h.hash(), h.mode())
                    + (h.at().isEmpty() ? "" : ", taken at " + h.at()));
        }
    }

    private static String lock(LockClass c, int hash, String mode) {
        return "(" + c + (hash == 0 ? "" : " @" + Integer.toHexString(hash)) + ") " + mode;
    }

    private static void stack(StringBuilder out, List<StackTraceElement> stack) {
        int shown = 0;
        for (StackTraceElement e : stack) {
            if (shown++ == FRAMES) {
                line(out, "           ... " + (stack.size() - FRAMES) + " more");
                return;
            }
            line(out, "           at " + e);
        }
    }

    private static void line(StringBuilder out, String text) {
        out.append(text).append('\n');
    }
}
