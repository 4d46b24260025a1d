package dev.polder.lockdep.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The slow path: a sequence of locks that was never seen before is made into edges, and what they
/// prove into reports.
final class Validator {
    private final Graph graph;
    private final Sites sites;
    private final Pairs pairs = new Pairs();

    // Reports by id, so that one bug is told once. Grows with the bugs only.
    private final Set<String> told = ConcurrentHashMap.newKeySet();
    private volatile Lockdep.Listener listener = r -> {};
    private volatile Lockdep.Scopes scopes = () -> "";

    Validator(Graph graph, Sites sites) {
        this.graph = graph;
        this.sites = sites;
    }

    void listener(Lockdep.Listener l) {
        listener = l;
    }

    void scopes(Lockdep.Scopes s) {
        scopes = s;
    }

    /// Adds the edges from what is held to what is wanted.
    ///
    /// From the newest to the oldest, up to and with the first real lock that was not tried: older
    /// ones are connected through it. A pseudo-lock of reclaim is passed, because the allocator's
    /// own locks around it are held as well; only the innermost of them counts (that of a domain,
    /// not what is around it). Reclaim adds no edge into reclaim, and when it is entered from
    /// inside an allocation only what the allocating code holds counts, not the allocator's own
    /// locks.
    void wanted(HeldLocks h, Wanted wanted) {
        @Nullable Circumstances where = null;
        boolean intoReclaim = wanted.lockClass.kind() == LockClass.Kind.RECLAIM;
        boolean passedReclaim = false;
        int newest = intoReclaim && h.frame() >= 0 ? h.frame() : h.depth();
        for (int i = newest - 1; i >= 0; i--) {
            LockClass held = graph.byId(h.idAt(i));
            boolean reclaim = held.kind() == LockClass.Kind.RECLAIM;
            if (reclaim && (intoReclaim || passedReclaim)) {
                continue;
            }
            passedReclaim |= reclaim;
            if (held != wanted.lockClass && !graph.has(held, wanted.lockClass)) {
                if (where == null) {
                    where = circumstances();
                }
                Edge edge = new Edge(h, i, held, wanted, where);
                List<Edge> back = graph.add(edge);
                if (!back.isEmpty()) {
                    cycle(h, i, wanted, edge, back, where);
                }
            }
            if (!reclaim && (h.modeAt(i) & Mode.TRY) == 0) {
                return;
            }
        }
    }

    private void cycle(HeldLocks h, int heldIndex, Wanted wanted, Edge edge, List<Edge> back,
            Circumstances where) {
        List<Edge> chain = new ArrayList<>(back);
        chain.add(edge);
        List<String> names = new ArrayList<>();
        for (Edge e : chain) {
            names.add(e.from().name());
        }
        String id = StableId.ofCycle(names);
        tell(new Report(Report.Kind.CYCLE, id, wanted, held(h, heldIndex), chain,
                instances(chain), allHeld(h), where));
    }

    private static Report.Instances instances(List<Edge> chain) {
        Edge before = chain.get(chain.size() - 1);
        for (Edge e : chain) {
            if (before.toHash() != e.fromHash()) {
                return Report.Instances.DIFFERENT;
            }
            before = e;
        }
        return Report.Instances.SAME;
    }

    /// Another instance of a class that is held was taken. Taking two of a class is common, in an
    /// order that only the program knows; to have seen both orders proves that there is none.
    void sameClass(HeldLocks h, Wanted wanted) {
        for (int i = h.depth() - 1; i >= 0; i--) {
            if (h.idAt(i) != wanted.lockClass.id()) {
                continue;
            }
            Pairs.Order seen = pairs.add(h.idAt(i), h.hashAt(i), wanted.hash);
            if (seen == Pairs.Order.FIRST_OF_CLASS) {
                pairs.first(h.idAt(i), new Edge(h, i, wanted.lockClass, wanted, circumstances()));
            } else if (seen == Pairs.Order.REVERSED) {
                String id = StableId.of("inversion", wanted.lockClass.name());
                if (told.contains(id)) {
                    return;
                }
                Edge first = pairs.first(h.idAt(i));
                Circumstances where = circumstances();
                Edge now = new Edge(h, i, wanted.lockClass, wanted, where);
                tell(new Report(Report.Kind.INVERSION, id, wanted, held(h, i),
                        first == null ? List.of(now) : List.of(first, now),
                        Report.Instances.SAME, allHeld(h), where));
            }
        }
    }

    void reentry(HeldLocks h, int heldIndex, Wanted wanted) {
        String id = StableId.of("re-entry", wanted.lockClass.name());
        if (told.contains(id)) {
            return;
        }
        tell(new Report(Report.Kind.REENTRY, id, wanted, held(h, heldIndex), List.of(),
                Report.Instances.SAME, allHeld(h), circumstances()));
    }

    void selfDeadlock(HeldLocks h, int heldIndex, Wanted wanted) {
        String id = StableId.of("self-deadlock", wanted.lockClass.name());
        if (told.contains(id)) {
            return;
        }
        tell(new Report(Report.Kind.SELF_DEADLOCK, id, wanted, held(h, heldIndex), List.of(),
                Report.Instances.SAME, allHeld(h), circumstances()));
    }

    /// A request that may block on a thread that must not.
    void blocking(HeldLocks h, Wanted wanted) {
        Circumstances where = circumstances();
        String at = where.stack.isEmpty() ? "" : where.stack.get(0).getClassName() + "#"
                + where.stack.get(0).getMethodName();
        Report.Held nothing = new Report.Held(wanted.lockClass, 0, "", "");
        tell(new Report(Report.Kind.BLOCKING, StableId.of("blocking", at), wanted,
                h.depth() == 0 ? nothing : held(h, h.depth() - 1), List.of(),
                Report.Instances.SAME, allHeld(h), where));
    }

    private void tell(Report report) {
        if (told.add(report.id())) {
            listener.found(report);
        }
    }

    private Circumstances circumstances() {
        return new Circumstances(sites, scopes.describe());
    }

    private Report.Held held(HeldLocks h, int i) {
        return new Report.Held(graph.byId(h.idAt(i)), h.hashAt(i), Mode.toString(h.modeAt(i)),
                sites.place(h.siteAt(i)));
    }

    private List<Report.Held> allHeld(HeldLocks h) {
        List<Report.Held> all = new ArrayList<>();
        for (int i = 0; i < h.depth(); i++) {
            all.add(held(h, i));
        }
        return all;
    }
}
