package dev.polder.cli.load;

import dev.polder.cli.load.Pools.User;
import dev.polder.cli.report.Figure;
import dev.polder.cli.trace.Actor;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.stat.VmStat.Item;
import dev.polder.store.StoreStats;
import java.util.EnumMap;
import java.util.Map;

/// The figures of a run: what the counters of pools, stores and users grew by since the ledger was
/// opened.
final class Ledger {

    /// One moment's counters.
    private record Counts(EnumMap<Item, Long> items, StoreStats texts, StoreStats index,
            long updates,
            long merges, long ended, long rendered, long made, long refaults, long overReclaimed,
            long failures, long writerStalls, long idleByteSum, long nanos) {}

    private final Pools pools;
    private final Users users;
    private final Crew crew;
    private final Stalls stalls;
    private final Counts first;
    private long mostDeferred;
    private long oldestDeferredNanos;

    Ledger(Pools pools, Users users, Crew crew, Stalls stalls) {
        this.pools = pools;
        this.users = users;
        this.crew = crew;
        this.stalls = stalls;
        this.first = counts();
    }

    private Counts counts() {
        EnumMap<Item, Long> items = new EnumMap<>(Item.class);
        for (Item item : Item.values()) {
            items.put(item, pools.sum(item));
        }
        RenderedCache r = users.rendered();
        return new Counts(items, users.store(User.TEXTS).stats(), users.store(User.INDEX).stats(),
                crew.ended(Actor.TEXTS_WRITER), crew.ended(Actor.INDEX_WRITER), crew.ended(),
                r.hits(), r.misses(), r.refaults(), r.overReclaimedFrames(), r.failures(),
                stalls.count(), stalls.idleByteSum(), System.nanoTime());
    }

    /// Looks at what does not add up but has a peak: deferred work. Called often.
    void watchDeferred() {
        long deferred = 0;
        for (ShrinkerHandle shrinker : pools.shrinkers()) {
            deferred += shrinker.deferred();
            oldestDeferredNanos = Math.max(oldestDeferredNanos, shrinker.deferredAgeNanos());
        }
        mostDeferred = Math.max(mostDeferred, deferred);
    }

    /// The figures up to now, without those of time where nothing ends any more.
    ///
    /// @param alive whether the run goes well: rates and ratios mean something
    Map<Figure, Double> figures(boolean alive) {
        Counts now = counts();
        Map<Figure, Double> figures = new EnumMap<>(Figure.class);
        reclaim(now, figures);
        machinery(now, figures);
        if (alive) {
            speed(now, figures);
        }
        return figures;
    }

    private void reclaim(Counts now, Map<Figure, Double> figures) {
        figures.put(Figure.OVER_RECLAIMED, (double) now.overReclaimed - first.overReclaimed);
        figures.put(Figure.REFAULTS, (double) now.refaults - first.refaults);
        long writerStalls = now.writerStalls - first.writerStalls;
        if (writerStalls > 0) {
            figures.put(Figure.IDLE_ELSEWHERE,
                    (double) (now.idleByteSum - first.idleByteSum) / writerStalls);
        }
        put(figures, Figure.DIRECT_STALLS, now, Item.ALLOCSTALL, 1);
        put(figures, Figure.STALL_MILLIS, now, Item.ALLOCSTALL_NANOS, 1e-6);
        put(figures, Figure.STALLS_NORMAL, now, Item.ALLOCSTALL_NORMAL, 1);
        put(figures, Figure.STALLS_NORMAL_MILLIS, now, Item.ALLOCSTALL_NORMAL_NANOS, 1e-6);
        put(figures, Figure.STALLS_NOFS, now, Item.ALLOCSTALL_NOFS, 1);
        put(figures, Figure.STALLS_NOFS_MILLIS, now, Item.ALLOCSTALL_NOFS_NANOS, 1e-6);
        put(figures, Figure.STALLS_NOIO, now, Item.ALLOCSTALL_NOIO, 1);
        put(figures, Figure.STALLS_NOIO_MILLIS, now, Item.ALLOCSTALL_NOIO_NANOS, 1e-6);
        put(figures, Figure.STALLS_DOMAIN, now, Item.ALLOCSTALL_DOMAIN, 1);
        put(figures, Figure.STALLS_DOMAIN_MILLIS, now, Item.ALLOCSTALL_DOMAIN_NANOS, 1e-6);
        double direct = grown(now, Item.PGSTEAL_DIRECT);
        double kswapd = grown(now, Item.PGSTEAL_KSWAPD);
        figures.put(Figure.RECLAIMED, direct + kswapd);
        if (direct + kswapd > 0) {
            figures.put(Figure.KSWAPD_SHARE, kswapd / (direct + kswapd));
        }
        figures.put(Figure.SKIPPED, grown(now, Item.SHRINK_SKIPPED_DOMAIN)
                + grown(now, Item.SHRINK_SKIPPED_MASK));
        figures.put(Figure.DEFERRED, (double) mostDeferred);
        figures.put(Figure.DEFERRED_AGE, oldestDeferredNanos / 1e6);
    }

    private void machinery(Counts now, Map<Figure, Double> figures) {
        put(figures, Figure.VMALLOC, now, Item.VMALLOC_CALLS, 1);
        put(figures, Figure.NARROWED, now, Item.PGTABLE_NARROWED, 1);
        put(figures, Figure.NOFAIL, now, Item.NOFAIL_REQUESTS, 1);
        put(figures, Figure.NOIO, now, Item.NOIO_SCOPE_ALLOCS, 1);
        figures.put(Figure.FAILURES, (double) now.failures - first.failures);
    }

    private void speed(Counts now, Map<Figure, Double> figures) {
        double seconds = (now.nanos - first.nanos) / 1e9;
        figures.put(Figure.OPS, (now.ended - first.ended) / seconds);
        figures.put(Figure.UPDATES, (now.updates - first.updates) / seconds);
        figures.put(Figure.MERGES, (now.merges - first.merges) / seconds);
        long textHits = now.texts.hits() - first.texts.hits();
        long textMisses = now.texts.misses() - first.texts.misses();
        long indexHits = now.index.hits() - first.index.hits();
        long indexMisses = now.index.misses() - first.index.misses();
        long sent = now.rendered - first.rendered;
        long made = now.made - first.made;
        ratio(figures, Figure.HITS_TEXTS, textHits, textMisses);
        ratio(figures, Figure.HITS_INDEX, indexHits, indexMisses);
        ratio(figures, Figure.HITS_RENDERED, sent, made);
        ratio(figures, Figure.HITS, textHits + indexHits + sent, textMisses + indexMisses + made);
    }

    private static void ratio(Map<Figure, Double> figures, Figure figure, long hits, long misses) {
        if (hits + misses > 0) {
            figures.put(figure, (double) hits / (hits + misses));
        }
    }

    private void put(Map<Figure, Double> figures, Figure figure, Counts now, Item item,
            double factor) {
        figures.put(figure, grown(now, item) * factor);
    }

    private double grown(Counts now, Item item) {
        return now.items.getOrDefault(item, 0L) - first.items.getOrDefault(item, 0L);
    }
}
