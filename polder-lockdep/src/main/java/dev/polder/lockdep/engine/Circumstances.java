package dev.polder.lockdep.engine;

import java.util.ArrayList;
import java.util.List;

/// Thread, stack and scope at one moment. Costs microseconds; taken only when an edge is new.
final class Circumstances {
    /// Frames kept of a stack: deep enough for a web server's, and a bound for the graph's memory.
    static final int FRAMES = 96;

    private static final String OWN_PACKAGE = "dev.polder.lockdep.";

    final String thread;
    final String scope;
    final List<StackTraceElement> stack;
    private final Sites sites;

    Circumstances(Sites sites, String scope) {
        this.sites = sites;
        this.scope = scope;
        this.thread = threadName(Thread.currentThread());
        this.stack = trimmed(new Throwable().getStackTrace());
    }

    String placeOf(int site) {
        return sites.place(site);
    }

    private static String threadName(Thread t) {
        String name = t.getName();
        return name.isEmpty() ? t.toString() : name;
    }

    private static List<StackTraceElement> trimmed(StackTraceElement[] whole) {
        int first = 0;
        while (first < whole.length && isOurs(whole[first].getClassName())) {
            first++;
        }
        List<StackTraceElement> kept = new ArrayList<>();
        for (int i = first; i < whole.length && kept.size() < FRAMES; i++) {
            kept.add(whole[i]);
        }
        return List.copyOf(kept);
    }

    /// The engine's own frames say nothing, except those of its tests, which play the program.
    static boolean isOurs(String className) {
        return className.startsWith(OWN_PACKAGE) && !className.contains("Test")
                && !className.startsWith(OWN_PACKAGE + "museum.");
    }
}
