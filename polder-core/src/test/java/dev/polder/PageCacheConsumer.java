package dev.polder;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.page.PageAllocator;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/// A small consumer for tests: a heap of single frames that it can give back, and a record of every
/// call of `scan`.
final class PageCacheConsumer implements Shrinker {
    final String name;
    final @Nullable ReclaimDomain domain;
    private final PageAllocator pages;
    private final int needs;
    private final Deque<Long> held = new ArrayDeque<>();
    private final List<Scan> scans = new CopyOnWriteArrayList<>();

    /// One call of `scan`.
    record Scan(boolean background, int gfp, boolean mayWait, boolean stopped,
            List<String> stack) {}

    /// A consumer whose objects may go under masks that have all bits of `needs`.
    PageCacheConsumer(Polder pool, String name, @Nullable ReclaimDomain domain, int needs) {
        this.pages = pool.pages();
        this.name = name;
        this.domain = domain;
        this.needs = needs;
    }

    /// Takes one frame without reclaim and without waking kswapd; false if there is none.
    synchronized boolean grow() {
        long run = pages.alloc(0, Gfp.NOWARN);
        if (run != 0) {
            held.push(run);
        }
        return run != 0;
    }

    synchronized int size() {
        return held.size();
    }

    synchronized void clear() {
        held.forEach(pages::free);
        held.clear();
    }

    List<Scan> directScans() {
        List<Scan> out = new ArrayList<>(scans);
        out.removeIf(Scan::background);
        return out;
    }

    @Override
    public synchronized long count(ShrinkControl sc) {
        return held.size();
    }

    @Override
    public synchronized long scan(ShrinkControl sc) {
        boolean stop = (sc.gfp() & needs) != needs;
        scans.add(new Scan(sc.background(), sc.gfp(), sc.mayWait(), stop, stack()));
        if (stop) {
            return STOP;
        }
        long freed = 0;
        while (freed < sc.toScan() && !held.isEmpty()) {
            pages.free(held.pop());
            freed++;
        }
        return freed;
    }

    private static List<String> stack() {
        return StackWalker.getInstance().walk(frames -> frames
                .map(f -> f.getClassName().substring(f.getClassName().lastIndexOf('.') + 1) + "."
                        + f.getMethodName())
                .toList());
    }
}
