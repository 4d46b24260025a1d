package dev.polder.debug;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/// Which thread did something, and from where. The kernel's `struct track` with its stack depot.
///
/// Equal stacks are kept once, up to [#MAX_STACKS] of them: a program allocates from few places.
///
/// @param thread the thread's name
/// @param id its number
/// @param stack the innermost frames, the nearest first
public record Trace(String thread, long id, List<StackTraceElement> stack) {
    /// Frames that are kept of a stack: enough to leave Polder and name the caller's caller.
    static final int DEPTH = 16;
    /// Different stacks that are shared; later ones are kept by each trace of its own.
    static final int MAX_STACKS = 1 << 16;

    /// Classes that ask for a trace; their frames say nothing.
    private static final Set<String> OWN = Set.of(Trace.class.getName(),
            ObjectTrack.class.getName(), FaultAttributes.class.getName());
    private static final StackWalker WALKER = StackWalker.getInstance();
    private static final ConcurrentMap<List<StackTraceElement>, List<StackTraceElement>> DEPOT =
            new ConcurrentHashMap<>();

    /// The current thread, where it stands.
    public static Trace here() {
        Thread thread = Thread.currentThread();
        List<StackTraceElement> stack = WALKER.walk(frames -> frames
                .dropWhile(f -> OWN.contains(f.getClassName()))
                .limit(DEPTH).map(StackWalker.StackFrame::toStackTraceElement).toList());
        return new Trace(thread.getName(), thread.threadId(), shared(stack));
    }

    private static List<StackTraceElement> shared(List<StackTraceElement> stack) {
        List<StackTraceElement> known = DEPOT.get(stack);
        if (known != null) {
            return known;
        }
        if (DEPOT.size() < MAX_STACKS) {
            DEPOT.put(stack, stack);
        }
        return stack;
    }

    /// The trace as lines of a report that begin with `verb`, "allocated" or "freed".
    public String describe(String verb) {
        StringBuilder out = new StringBuilder(verb).append(" by thread ")
                .append(thread.isEmpty() ? "without a name" : thread).append(" (#").append(id)
                .append(')');
        for (StackTraceElement frame : stack) {
            out.append("\n    at ").append(frame);
        }
        return out.toString();
    }
}
