package dev.polder.lockdep.engine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The lock classes and the edges between them. Only ever grows, without a limit. Thread-safe.
final class Graph {
    // All guarded by this. classes.get(id - 1) is the class with that id.
    private final List<LockClass> classes = new ArrayList<>();
    private final Map<String, LockClass> byName = new HashMap<>();
    private final Map<Long, Edge> edges = new HashMap<>();
    private final Set<String> nesting = new HashSet<>();

    synchronized void nests(String name) {
        nesting.add(name);
    }

    /// The class of this kind and name; made when it is new.
    synchronized LockClass lockClass(LockClass.Kind kind, String name, String place) {
        String key = kind + " " + name;
        LockClass known = byName.get(key);
        if (known == null) {
            boolean nests = nesting.contains(name);
            known = new LockClass(classes.size() + 1, name, kind, place, nests);
            classes.add(known);
            byName.put(key, known);
        }
        return known;
    }

    synchronized LockClass byId(int id) {
        return classes.get(id - 1);
    }

    synchronized boolean has(LockClass from, LockClass to) {
        return edges.containsKey(key(from, to));
    }

    /// Adds an edge that is not there yet, and looks for the cycle that it closes.
    ///
    /// @return the shortest way that already led from the edge's end back to its start; empty when
    ///     there was none, or the edge is not new
    synchronized List<Edge> add(Edge edge) {
        if (edges.putIfAbsent(key(edge.from(), edge.to()), edge) != null) {
            return List.of();
        }
        List<Edge> back = path(edge.to(), edge.from());
        edge.from().out.add(edge);
        return back;
    }

    /// Adds to a class without edges an edge from whatever has one into the other class.
    synchronized void inherit(LockClass like, LockClass fresh) {
        for (Edge e : List.copyOf(edges.values())) {
            if (e.to() == like) {
                add(e.into(fresh));
            }
        }
    }

    /// The shortest way along edges, empty when there is none.
    synchronized List<Edge> path(LockClass start, LockClass goal) {
        if (start == goal) {
            return List.of();
        }
        Map<LockClass, Edge> reachedBy = new HashMap<>();
        Deque<LockClass> next = new ArrayDeque<>();
        next.add(start);
        while (!next.isEmpty()) {
            LockClass at = next.remove();
            for (Edge e : at.out) {
                if (e.to() != start && reachedBy.putIfAbsent(e.to(), e) == null) {
                    if (e.to() == goal) {
                        return walkBack(reachedBy, start, goal);
                    }
                    next.add(e.to());
                }
            }
        }
        return List.of();
    }

    private static List<Edge> walkBack(
            Map<LockClass, Edge> reachedBy, LockClass start, LockClass goal) {
        List<Edge> way = new ArrayList<>();
        LockClass at = goal;
        while (at != start) {
            @Nullable Edge e = reachedBy.get(at);
            if (e == null) {
                throw new IllegalStateException("a way that leads from nowhere to " + at);
            }
            way.add(e);
            at = e.from();
        }
        Collections.reverse(way);
        return way;
    }

    synchronized int classCount() {
        return classes.size();
    }

    synchronized int edgeCount() {
        return edges.size();
    }

    synchronized List<Edge> edges() {
        return List.copyOf(edges.values());
    }

    private static long key(LockClass from, LockClass to) {
        return (long) from.id() << 32 | to.id();
    }
}
