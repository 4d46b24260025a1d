package dev.polder.store.watch;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/// The notice board of all stores in this process: threads that wait, and where to ask who holds
/// what they wait for.
///
/// A thread writes here only when it really must wait. A resource is named by its text ("commit of
/// transaction 17 of 'index'"), the same for the one who waits and the one who holds.
public final class Waits {
    /// Re-entries that are remembered. They repeat: the first few tell the story.
    private static final int REENTRIES = 32;

    private static final Set<Waiting> WAITING = ConcurrentHashMap.newKeySet();
    private static final Set<Source> SOURCES = ConcurrentHashMap.newKeySet();
    private static final ConcurrentLinkedQueue<String> REENTERED = new ConcurrentLinkedQueue<>();

    private Waits() {}

    /// Somebody who can tell what is held now. Called from any thread; must not wait for long.
    @FunctionalInterface
    public interface Source {
        /// Adds to `list` what is held.
        void held(List<Held> list);
    }

    /// A resource that a thread holds.
    ///
    /// @param thread the holder, or the thread whose work ends the wait
    /// @param resource its name
    /// @param sinceNanos since when, by [System#nanoTime]
    /// @param what why it is held: "handle opened by …"
    public record Held(Thread thread, String resource, long sinceNanos, String what) {}

    /// A thread that waits.
    public static final class Waiting implements AutoCloseable {
        private final Thread thread = Thread.currentThread();
        private final long sinceNanos = System.nanoTime();
        private final String resource;
        private final @Nullable String scan;
        private final @Nullable String allocation;

        private Waiting(String resource) {
            this.resource = resource;
            Activity a = Activity.current();
            scan = a.scan();
            allocation = a.allocation();
        }

        /// The thread that waits.
        public Thread thread() {
            return thread;
        }

        /// What it waits for.
        public String resource() {
            return resource;
        }

        /// Since when, by [System#nanoTime].
        public long sinceNanos() {
            return sinceNanos;
        }

        /// The shrinker in whose scan it waits, or null.
        public @Nullable String scan() {
            return scan;
        }

        /// The allocation under which it waits, or null.
        public @Nullable String allocation() {
            return allocation;
        }

        /// The wait is over.
        @Override
        public void close() {
            WAITING.remove(this);
        }
    }

    /// The current thread begins to wait for `resource`.
    public static Waiting begin(String resource) {
        Waiting w = new Waiting(resource);
        WAITING.add(w);
        return w;
    }

    /// Asks `source` from now on.
    public static void register(Source source) {
        SOURCES.add(source);
    }

    /// Asks it no more.
    public static void unregister(Source source) {
        SOURCES.remove(source);
    }

    /// A thread came back, through reclaim, to something that it holds itself.
    public static void reentered(String sentence) {
        if (REENTERED.size() < REENTRIES) {
            REENTERED.add(sentence);
        }
    }

    /// All that wait now.
    public static List<Waiting> waiting() {
        return new ArrayList<>(WAITING);
    }

    /// All that is held now.
    public static List<Held> held() {
        List<Held> all = new ArrayList<>();
        for (Source s : SOURCES) {
            s.held(all);
        }
        return all;
    }

    /// The re-entries so far.
    public static List<String> reentries() {
        return new ArrayList<>(REENTERED);
    }
}
