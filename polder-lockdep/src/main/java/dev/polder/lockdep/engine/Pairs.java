package dev.polder.lockdep.engine;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The orders in which two locks of one class were seen, by identity hash. Thread-safe.
final class Pairs {
    /// What a sighting adds.
    enum Order { FIRST_OF_CLASS, NEW, KNOWN, REVERSED }

    /// Pairs kept of one class. Hand-over-hand locking makes a new pair at every step, for ever;
    /// after so many (about 64 MiB) the class starts anew, and an inversion across that moment is
    /// missed.
    static final int LIMIT = 1 << 20;

    // Both guarded by this.
    private final Map<Integer, Set<Long>> seen = new HashMap<>();
    private final Map<Integer, Edge> firsts = new HashMap<>();

    synchronized Order add(int classId, int outer, int inner) {
        Set<Long> pairs = seen.get(classId);
        if (pairs == null) {
            pairs = new HashSet<>();
            seen.put(classId, pairs);
        }
        boolean first = pairs.isEmpty() && !firsts.containsKey(classId);
        if (pairs.size() >= LIMIT) {
            pairs.clear();
        }
        if (pairs.contains(pair(inner, outer))) {
            return Order.REVERSED;
        }
        if (!pairs.add(pair(outer, inner))) {
            return Order.KNOWN;
        }
        return first ? Order.FIRST_OF_CLASS : Order.NEW;
    }

    synchronized void first(int classId, Edge edge) {
        firsts.putIfAbsent(classId, edge);
    }

    synchronized @Nullable Edge first(int classId) {
        return firsts.get(classId);
    }

    private static long pair(int outer, int inner) {
        return (long) outer << 32 | (inner & 0xFFFF_FFFFL);
    }
}
