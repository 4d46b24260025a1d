package dev.polder.store;

import dev.polder.store.watch.Waits;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Who waits for what, and who holds it, in all open stores of this process at one moment.
///
/// Taken from the notice board that every wait of a store writes to, not from thread dumps: so it
/// knows the resource ("commit of transaction 17 of 'index'"), the shrinker in whose scan the
/// thread waits, and the allocation that sent it there.
public final class WaitGraph {
    private final List<Wait> waits;
    private final List<Holder> holders;
    private final List<String> reentries;
    private final List<Wait> cycle;

    private WaitGraph(List<Wait> waits, List<Holder> holders, List<String> reentries) {
        this.waits = waits;
        this.holders = holders;
        this.reentries = reentries;
        this.cycle = fromScan(findCycle());
    }

    /// A thread that waits.
    ///
    /// @param thread which
    /// @param resource for what
    /// @param waitedNanos how long it has waited
    /// @param scan the shrinker in whose scan it waits, or null
    /// @param allocation the allocation under which it waits, or null
    /// @param stack where it stands
    public record Wait(Thread thread, String resource, long waitedNanos, @Nullable String scan,
            @Nullable String allocation, List<StackTraceElement> stack) {
        /// The place in the program, outside Polder and the JDK, that asked for the memory or began
        /// the operation; "?" if there is none.
        public String place() {
            for (StackTraceElement e : stack) {
                String c = e.getClassName();
                if (!c.startsWith("java.") && !c.startsWith("jdk.")
                        && (!c.startsWith("dev.polder.") || c.startsWith("dev.polder.cli"))) {
                    return e.toString();
                }
            }
            return stack.isEmpty() ? "?" : stack.getLast().toString();
        }
    }

    /// A thread that holds, or whose work ends the wait for it.
    ///
    /// @param thread which
    /// @param resource what
    /// @param heldNanos for how long; 0 if that has no beginning
    /// @param why why
    public record Holder(Thread thread, String resource, long heldNanos, String why) {}

    /// The graph as it is now.
    public static WaitGraph capture() {
        long now = System.nanoTime();
        List<Wait> waits = new ArrayList<>();
        for (Waits.Waiting w : Waits.waiting()) {
            waits.add(new Wait(w.thread(), w.resource(), now - w.sinceNanos(), w.scan(),
                    w.allocation(), List.of(w.thread().getStackTrace())));
        }
        List<Holder> holders = new ArrayList<>();
        for (Waits.Held h : Waits.held()) {
            holders.add(new Holder(h.thread(), h.resource(),
                    h.sinceNanos() == 0 ? 0 : now - h.sinceNanos(), h.what()));
        }
        return new WaitGraph(List.copyOf(waits), List.copyOf(holders),
                List.copyOf(Waits.reentries()));
    }

    /// All threads that wait.
    public List<Wait> waits() {
        return waits;
    }

    /// All that is held.
    public List<Holder> holders() {
        return holders;
    }

    /// Re-entries so far: reclaim sent a thread back into what it holds.
    public List<String> reentries() {
        return reentries;
    }

    /// True if some threads wait for each other in a circle: they will do so for ever.
    public boolean closes() {
        return !cycle.isEmpty();
    }

    /// The threads of a circle, each waiting for what the next one holds, the last for the first;
    /// empty if there is none.
    public List<Wait> cycle() {
        return cycle;
    }

    /// The same circle, told from the thread that reclaim sent into a scan.
    private static List<Wait> fromScan(List<Wait> circle) {
        for (int i = 0; i < circle.size(); i++) {
            if (circle.get(i).scan != null) {
                List<Wait> told = new ArrayList<>(circle.subList(i, circle.size()));
                told.addAll(circle.subList(0, i));
                return List.copyOf(told);
            }
        }
        return circle;
    }

    /// How long the circle has been closed: since its last thread began to wait; 0 if there is
    /// none. One that has stood for a second or two will stand for ever, whatever other threads
    /// still do.
    public long closedNanos() {
        return cycle.stream().mapToLong(Wait::waitedNanos).min().orElse(0);
    }

    private List<Wait> findCycle() {
        Map<Thread, Wait> waiting = new HashMap<>();
        for (Wait w : waits) {
            waiting.put(w.thread, w);
        }
        Set<Thread> finished = new HashSet<>();
        for (Wait w : waits) {
            List<Wait> found = follow(w, waiting, new ArrayList<>(), finished);
            if (!found.isEmpty()) {
                return List.copyOf(found);
            }
        }
        return List.of();
    }

    private List<Wait> follow(Wait w, Map<Thread, Wait> waiting, List<Wait> path,
            Set<Thread> finished) {
        int at = path.indexOf(w);
        if (at >= 0) {
            return path.subList(at, path.size());
        }
        if (finished.contains(w.thread)) {
            return List.of();
        }
        path.add(w);
        for (Holder h : holders) {
            Wait next = h.resource.equals(w.resource) ? waiting.get(h.thread) : null;
            if (next != null) {
                List<Wait> found = follow(next, waiting, path, finished);
                if (!found.isEmpty()) {
                    return found;
                }
            }
        }
        path.removeLast();
        finished.add(w.thread);
        return List.of();
    }

    /// The circle in sentences if there is one, else all waits; one per line.
    public String describe() {
        StringBuilder text = new StringBuilder();
        List<Wait> told = closes() ? cycle : waits;
        for (Wait w : told) {
            tell(text, w);
        }
        if (closes()) {
            text.append("The chain closes: ").append(cycle.getFirst().thread.getName())
                    .append(cycle.size() == 1 ? " waits for itself." : " is waited for again.")
                    .append('\n');
        }
        for (String r : reentries) {
            text.append("Re-entry: ").append(r).append(".\n");
        }
        return text.toString();
    }

    private void tell(StringBuilder text, Wait w) {
        text.append("Thread ").append(w.thread.getName());
        if (w.scan != null) {
            text.append(", in scan of '").append(w.scan).append("',");
        }
        text.append(" waits for ").append(w.resource).append(" (")
                .append(TimeUnit.NANOSECONDS.toMillis(w.waitedNanos)).append(" ms)");
        if (w.allocation != null) {
            text.append("; under allocation ").append(w.allocation).append(" at ")
                    .append(w.place());
        }
        text.append('\n');
        for (Holder h : holders) {
            if (h.resource.equals(w.resource)) {
                text.append("  held by thread ").append(h.thread.getName()).append(": ")
                        .append(h.why);
                if (h.heldNanos > 0) {
                    text.append(" for ").append(TimeUnit.NANOSECONDS.toMillis(h.heldNanos))
                            .append(" ms");
                }
                text.append('\n');
            }
        }
    }

    @Override
    public String toString() {
        return describe();
    }
}
