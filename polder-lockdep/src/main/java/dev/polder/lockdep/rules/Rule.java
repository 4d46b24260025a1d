package dev.polder.lockdep.rules;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// One line of a rule pack.
public final class Rule {
    /// What a rule says about a method or class.
    public enum Verb {
        /// The method asks for memory, and may be served by reclaim.
        ALLOC,
        /// The method gives memory back at reclaim's request.
        RECLAIM,
        /// The method waits for something that is no lock.
        WAIT,
        /// The method, or what lies between two methods, must go on for the waiters to go on.
        WAKES,
        /// Locks of this class are nested in an order that the program keeps.
        NEST,
        /// Nothing that the method does is watched.
        IGNORE
    }

    /// Every method of the class.
    static final String ANY = "*";

    private final Verb verb;
    private final String className;
    private final String method;
    private final @Nullable List<String> parameters;
    private final @Nullable Rule until;
    private final String waitName;
    private final int level;
    private final String source;
    private final boolean end;
    private final AtomicLong matches = new AtomicLong();

    Rule(Verb verb, String className, String method, @Nullable List<String> parameters,
            @Nullable Rule until, String waitName, int level, String source,
            boolean end) {
        this.verb = verb;
        this.className = className;
        this.method = method;
        this.parameters = parameters;
        this.until = until;
        this.waitName = waitName;
        this.level = level;
        this.source = source;
        this.end = end;
    }

    /// What it says.
    public Verb verb() {
        return verb;
    }

    /// The class that the rule names; it is meant with its subclasses and implementations.
    public String className() {
        return className;
    }

    /// The method's name, `*` for all; empty for a rule about the class.
    public String method() {
        return method;
    }

    /// For WAKES: the method that ends what this one begins; null when the method itself is meant.
    public @Nullable Rule until() {
        return until;
    }

    /// For WAKES: whether this is the method that ends what another began.
    public boolean isEnd() {
        return end;
    }

    /// For WAIT and WAKES: what is waited for.
    public String waitName() {
        return waitName;
    }

    /// For ALLOC and RECLAIM: `ReclaimLevel` bits.
    public int level() {
        return level;
    }

    /// "pack:line", for messages.
    public String source() {
        return source;
    }

    /// Whether the rule can be about a method of this name and these parameters.
    ///
    /// @param types the simple names of the parameters' types
    public boolean fits(String name, List<String> types) {
        boolean named = method.equals(name)
                || (method.equals(ANY) && !name.startsWith("<"));
        return named && (parameters == null || parameters.equals(types));
    }

    /// The rule was applied to a loaded method or class.
    public void matched() {
        matches.incrementAndGet();
    }

    /// Whether it was ever applied.
    public boolean everMatched() {
        return matches.get() > 0;
    }

    @Override
    public String toString() {
        return source + ": " + verb.name().toLowerCase(java.util.Locale.ROOT) + " " + className
                + (method.isEmpty() ? "" : "#" + method);
    }
}
