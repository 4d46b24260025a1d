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
    /// @param source what its objects are made of
    /// @param size of an object: the order of its run for [Source#PAGES], else bytes
    /// @param groupAware whether it knows which group each object belongs to
    public record Consumer(Temper temper, int domain, int seeks, int batch, Source source,
            long size, boolean groupAware) {
        String toJava() {
            return "new Consumer(Temper." + temper + ", " + domain + ", " + seeks + ", " + batch
                    + ", Source." + source + ", " + size + ", " + groupAware + ")";
        }

        /// Bytes of an object.
        long bytes() {
            return source == Source.PAGES ? 4096L << size : size;
        }
    }

    /// Where memory comes from.
    public enum Source {
        PAGES, KMALLOC, VMALLOC, KVMALLOC, MEMPOOL;

        boolean hasAreas() {
            return this == VMALLOC || this == KVMALLOC;
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

        /// Memory of some bytes is asked for; what it gets is kept.
        record Take(Source source, long size, int gfp) implements Step {
            @Override
            public String toString() {
                return "Take(Source." + source + ", " + size + "L, " + mask(gfp) + ")";
            }
        }

        /// The same from kmalloc, on a multiple of `alignment`.
        record Aligned(long size, long alignment, int gfp) implements Step {
            @Override
            public String toString() {
                return "Aligned(" + size + "L, " + alignment + "L, " + mask(gfp) + ")";
            }
        }

        /// Blocks of the largest order are taken for good, so that the rest is soon short.
        record Hold(int blocks) implements Step {
            @Override
            public String toString() {
                return "Hold(" + blocks + ")";
            }
        }

        /// What was kept is freed; which of it, modulo their number.
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

        /// A consumer gives up to so many objects back by itself, the last first.
        record Drop(int consumer, int objects) implements Step {
            @Override
            public String toString() {
                return "Drop(" + consumer + ", " + objects + ")";
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

        /// A group is closed.
        record End(int group) implements Step {
            @Override
            public String toString() {
                return "End(" + group + ")";
            }
        }

        /// A group is made.
        record Create(int parent) implements Step {
            @Override
            public String toString() {
                return "Create(" + parent + ")";
            }
        }

        /// The memory pool is made, if there is none.
        record Reserve(int minimum) implements Step {
            @Override
            public String toString() {
                return "Reserve(" + minimum + ")";
            }
        }

        /// The memory pool is closed.
        record Unreserve() implements Step {
            @Override
            public String toString() {
                return "Unreserve()";
            }
        }

        /// Another thread takes a step, once the next request that waits has parked that often: a
        /// [Free], a [Limit], a [Reset] or an [End].
        record Meanwhile(int parks, Step step) implements Step {
            @Override
            public String toString() {
                return "Meanwhile(" + parks + ", new Step." + step + ")";
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
    /// A program makes no more groups than that.
    static final int MOST_GROUPS = 9;
    /// Parents of those it begins with; the first is the root.
    static final List<Integer> PARENTS = List.of(-1, 0, 1, 0, 0);

    /// Whether it may take areas.
    boolean hasAreas() {
        return shrinkers.stream().anyMatch(c -> c.source.hasAreas())
                || steps.stream().anyMatch(s -> s instanceof Step.Take t && t.source.hasAreas());
    }

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
