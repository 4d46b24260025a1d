package dev.polder.lockdep.engine;

import java.lang.ref.WeakReference;
import org.jspecify.annotations.Nullable;

/// The reclaim domains that were seen in one pool, each with its pseudo-locks. Thread-safe.
///
/// A request takes all of them or none, so a domain that is first seen now was taken by all that
/// took the others.
final class Domains {
    /// One domain's pseudo-locks.
    static final class Domain extends WeakReference<Object> {
        final LockClass[] levels;

        Domain(Object domain, LockClass[] levels) {
            super(domain);
            this.levels = levels;
        }
    }

    /// Stands for the callbacks that belong to no domain.
    static final Object NONE = new Object();

    private static final Domain[] NO_DOMAINS = {};

    private final Graph graph;
    private final String pool;
    private volatile Domain[] all = NO_DOMAINS;

    /// @param pool what the names end with
    Domains(Graph graph, String pool) {
        this.graph = graph;
        this.pool = pool;
        add(NONE);
    }

    /// Every domain that is still in use. Not to be changed.
    Domain[] all() {
        return all;
    }

    Domain of(Object domain) {
        for (Domain d : all) {
            if (d.refersTo(domain)) {
                return d;
            }
        }
        return add(domain);
    }

    private synchronized Domain add(Object domain) {
        @Nullable Domain found = null;
        int live = 0;
        for (Domain d : all) {
            if (d.refersTo(domain)) {
                found = d;
            }
            live += d.refersTo(null) ? 0 : 1;
        }
        if (found != null) {
            return found;
        }
        Domain[] next = new Domain[live + 1];
        int n = 0;
        for (Domain d : all) {
            if (n < live && !d.refersTo(null)) {
                next[n++] = d;
            }
        }
        Domain fresh = new Domain(domain,
                levels(domain == NONE ? "no domain" : "domain '" + domain + "'"));
        next[n] = fresh;
        if (n > 0) { // NONE is the first and never goes
            for (int i = 0; i < fresh.levels.length; i++) {
                graph.inherit(next[0].levels[i], fresh.levels[i]);
            }
        }
        all = n == live ? next : java.util.Arrays.copyOf(next, n + 1);
        return fresh;
    }

    /// Domains of one name share their pseudo-locks only in reports; the classes are by name.
    private LockClass[] levels(String name) {
        LockClass[] made = new LockClass[ReclaimLevel.COUNT];
        for (int i = 0; i < made.length; i++) {
            made[i] = graph.lockClass(LockClass.Kind.RECLAIM,
                    ReclaimLevel.name(i) + " of " + name + pool, "");
        }
        return made;
    }
}
