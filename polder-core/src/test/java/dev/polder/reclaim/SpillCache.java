package dev.polder.reclaim;

import dev.polder.gfp.Gfp;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// A consumer that spills to a file, by the kernel's rules for anonymous memory and its swap file:
/// what of its memory it gives under which mask. Polder has no such memory of its own; a consumer
/// that has finds in its `ShrinkControl` all that the rules ask for.
final class SpillCache implements Shrinker {

    /// What a page is.
    enum State {
        /// Written, or never changed: it can be dropped.
        CLEAN,
        /// Changed, with no place in the spill file yet.
        NO_SLOT,
        /// Changed, with a place in the spill file.
        SLOT,
        /// Being written.
        WRITEBACK
    }

    /// One page and what was done about it.
    static final class Page {
        final State state;
        boolean written;
        boolean marked;
        boolean freed;

        Page(State state) {
            this.state = state;
        }
    }

    final List<Page> pages = new ArrayList<>();
    /// Pages in the order in which scans chose them.
    final List<State> chosen = new ArrayList<>();
    private final FakePool pool;
    private final boolean fileBacked;

    /// @param fileBacked whether the spill file lies in a store, whose locks its I/O needs
    SpillCache(FakePool pool, boolean fileBacked) {
        this.pool = pool;
        this.fileBacked = fileBacked;
        pool.registry.register("spill", this, null, 2, 16, false, 4096);
    }

    void add(State state, int n) {
        for (int i = 0; i < n; i++) {
            pages.add(new Page(state));
        }
    }

    /// Row E2: FS, or a place in a spill file that needs no FS, and IO.
    private boolean mayEnterFs(Page page, int gfp) {
        return Gfp.has(gfp, Gfp.FS)
                || (page.state == State.SLOT && Gfp.has(gfp, Gfp.IO) && !fileBacked);
    }

    @Override
    public long count(ShrinkControl sc) {
        return pages.stream().filter(p -> !p.freed).count();
    }

    @Override
    public long scan(ShrinkControl sc) {
        // E15: without IO those that need none are chosen first.
        List<Page> candidates = new ArrayList<>(pages.stream().filter(p -> !p.freed).toList());
        if (!Gfp.has(sc.gfp(), Gfp.IO)) {
            candidates.sort(Comparator.comparing(p -> p.state != State.CLEAN));
        }
        long freed = 0;
        for (Page page : candidates.subList(0, (int) Math.min(sc.toScan(), candidates.size()))) {
            chosen.add(page.state);
            if (give(page, sc.gfp())) {
                page.freed = true;
                pool.freeFrames(1);
                freed++;
            }
        }
        return freed;
    }

    private boolean give(Page page, int gfp) {
        return switch (page.state) {
            case CLEAN -> true;
            // E3: it gets no place, and is left alone.
            case NO_SLOT -> Gfp.has(gfp, Gfp.IO) && write(page, gfp);
            case SLOT -> write(page, gfp);
            case WRITEBACK -> {
                // E7: marked and passed over, never waited for.
                page.marked = true;
                yield false;
            }
        };
    }

    /// E6.
    private boolean write(Page page, int gfp) {
        page.written = mayEnterFs(page, gfp);
        return page.written;
    }

    List<Page> of(State state) {
        return pages.stream().filter(p -> p.state == state).toList();
    }
}
