package dev.polder.gfp;

import java.lang.StackWalker.StackFrame;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/// A place where a scope is opened or a lock guarded, and why: which lock or transaction is held
/// that reclaim might need.
///
/// Keep it in a static final next to the code that opens the scope:
/// `private static final ScopeSite HANDLE = ScopeSite.of("journal handle")`. Class and line are
/// captured once, there. Two sites are the same only if they are the same object.
public final class ScopeSite {
    /// Classes that create sites on behalf of their callers.
    private static final Set<String> OURS = Set.of(
            "dev.polder.gfp.ScopeSite",
            "dev.polder.gfp.MemallocScope",
            "dev.polder.gfp.ReclaimDomain",
            "dev.polder.gfp.Memalloc",
            "dev.polder.gfp.Places");

    private static final StackWalker WALKER = StackWalker.getInstance();

    private final String reason;
    private final String className;
    private final int line;
    private final String text;

    private ScopeSite(String reason, String className, int line) {
        this.reason = reason;
        this.className = className;
        this.line = line;
        String simple = className.substring(className.lastIndexOf('.') + 1);
        this.text = "'" + reason + "' (" + simple + (line > 0 ? ":" + line : "") + ")";
    }

    /// A site at the line of the caller.
    ///
    /// @param reason what is held: "journal handle", "holds the write queue"
    /// @throws IllegalArgumentException if the reason is blank
    public static ScopeSite of(String reason) {
        checkReason(reason);
        Optional<StackFrame> caller = WALKER.walk(
                frames -> frames.filter(f -> !OURS.contains(f.getClassName())).findFirst());
        return new ScopeSite(
                reason,
                caller.map(StackFrame::getClassName).orElse("native code"),
                caller.map(StackFrame::getLineNumber).orElse(0));
    }

    /// Refuses a reason that tells nobody anything.
    static void checkReason(String reason) {
        if (Objects.requireNonNull(reason, "reason").isBlank()) {
            throw new IllegalArgumentException("a scope needs a reason: reports show it; say which"
                    + " lock or transaction is held");
        }
    }

    /// Why the scope is opened.
    public String reason() {
        return reason;
    }

    /// The full name of the class where the site was made.
    public String className() {
        return className;
    }

    /// The line where the site was made; 0 or less when the class has no line numbers.
    public int line() {
        return line;
    }

    /// Reason and place: "'journal handle' (JournalHandle:41)".
    @Override
    public String toString() {
        return text;
    }
}
