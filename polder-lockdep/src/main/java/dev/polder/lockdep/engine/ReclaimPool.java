package dev.polder.lockdep.engine;

import org.jspecify.annotations.Nullable;

/// The reclaim of one pool as locks: its own pseudo-locks, and those of every domain that its
/// callbacks belong to.
///
/// Reclaim for one pool never calls the callbacks of another, so a lock that only the other's
/// callbacks take may be held over a request. Pools of one name are one.
final class ReclaimPool {
    final LockClass[] levels = new LockClass[ReclaimLevel.COUNT];
    final Domains domains;

    /// Pseudo-locks for the pool of this name; empty for the allocators that have none.
    ReclaimPool(Graph graph, String name) {
        String of = name.isEmpty() ? "" : " of pool '" + name + "'";
        for (int i = 0; i < levels.length; i++) {
            levels[i] = graph.lockClass(LockClass.Kind.RECLAIM, ReclaimLevel.name(i) + of, "");
        }
        domains = new Domains(graph, name.isEmpty() ? "" : " in pool '" + name + "'");
    }

    /// Whether its reclaim at this level was seen to need the lock, at once or through others.
    boolean takes(Graph graph, int level, LockClass lock) {
        if (!graph.path(levels[level], lock).isEmpty()) {
            return true;
        }
        for (Domains.Domain d : domains.all()) {
            if (!graph.path(d.levels[level], lock).isEmpty()) {
                return true;
            }
        }
        return false;
    }

    /// The pseudo-lock of callbacks of this domain.
    ///
    /// @param domain null for those without one
    LockClass levelOf(@Nullable Object domain, int level) {
        return domains.of(domain == null ? Domains.NONE : domain).levels[level];
    }
}
