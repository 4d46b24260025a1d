package dev.polder.model;

import dev.polder.gfp.Gfp;
import java.util.List;

/// A single-threaded program: consumers and steps.
///
/// @param seed where it came from
/// @param shrinkers the consumers, in the order of registration
/// @param steps what happens, in turn; any steps will do, so that a program that lost some is a
///        program still
public record Program(long seed, List<Consumer> shrinkers, List<Step> steps) {

    /// A consumer with a shrinker.
    ///
    /// @param temper how it behaves
    /// @param domain which of the program's domains it is in; -1: none
    /// @param order of the runs that are its objects
    /// @param groupAware whether it knows which group each object belongs to
    public record Consumer(Temper temper, int domain, int seeks, int batch, int order,
            boolean groupAware) {
        String toJava() {
            return "new Consumer(Temper." + temper + ", " + domain + ", " + seeks + ", " + batch
                    + ", " + order + ", " + groupAware + ")";
        }
    }

    /// One step.
    public sealed interface Step {
        /// A page request; what it gets is kept.
        record Alloc(int order, int gfp) implements Step {
            @Override
            public String toString() {
                return "Alloc(" + order + ", " + mask(gfp) + ")";
            }
        }

        /// Blocks of the largest order are taken for good, so that the rest is soon short.
        record Hold(int blocks) implements Step {
            @Override
            public String toString() {
                return "Hold(" + blocks + ")";
            }
        }

        /// A run that was kept is freed; which one, modulo their number.
        record Free(int which) implements Step {
            @Override
            public String toString() {
                return "Free(" + which + ")";
            }
        }

        /// A consumer takes objects until it has enough or a request fails.
        record Grow(int consumer, int objects, int gfp) implements Step {
            @Override
            public String toString() {
                return "Grow(" + consumer + ", " + objects + ", " + mask(gfp) + ")";
            }
        }

        /// A scope is opened; which domain or group, where it is for one.
        record Open(Scope scope, int which) implements Step {
            @Override
            public String toString() {
                return "Open(Scope." + scope + ", " + which + ")";
            }
        }

        /// The innermost scope is closed, if one is open.
        record Close() implements Step {
            @Override
            public String toString() {
                return "Close()";
            }
        }

        /// A limit of a group is set; -1 frames for none.
        record Limit(int group, Kind kind, long frames) implements Step {
            @Override
            public String toString() {
                return "Limit(" + group + ", Kind." + kind + ", " + frames + ")";
            }
        }

        /// A group that failed may allocate again.
        record Reset(int group) implements Step {
            @Override
            public String toString() {
                return "Reset(" + group + ")";
            }
        }

        /// One run of background reclaim for a block of that order.
        record Background(int order) implements Step {
            @Override
            public String toString() {
                return "Background(" + order + ")";
            }
        }
    }

    /// Kinds of scopes.
    public enum Scope {
        NOFS, NOIO, NORECLAIM, EXCLUDING, GROUP
    }

    /// Limits of a group.
    public enum Kind {
        MIN, LOW, HIGH, MAX
    }

    /// Domains of a program.
    public static final int DOMAINS = 2;
    /// Parents of its groups; the first is the root.
    static final List<Integer> PARENTS = List.of(-1, 0, 1, 0, 0);

    private static String mask(int gfp) {
        return "Gfp.parse(\"" + Gfp.toString(gfp) + "\")";
    }

    /// The program as one that a test can hold.
    public String toJava() {
        StringBuilder out = new StringBuilder("new Program(").append(seed)
                .append("L, List.of(\n");
        for (int i = 0; i < shrinkers.size(); i++) {
            out.append("        ").append(shrinkers.get(i).toJava())
                    .append(i + 1 < shrinkers.size() ? ",\n" : "), List.of(\n");
        }
        for (int i = 0; i < steps.size(); i++) {
            out.append("        new Step.").append(steps.get(i))
                    .append(i + 1 < steps.size() ? ",\n" : "");
        }
        return out.append("))").toString();
    }
}
