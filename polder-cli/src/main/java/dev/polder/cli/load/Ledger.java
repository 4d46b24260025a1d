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
    record Counts(EnumMap<Item, Long> items, StoreStats texts, StoreStats index,
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

    /// The counters now.
    Counts counts() {
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

    /// The figures of the whole run up to now.
    ///
    /// @param alive whether the run goes well: rates and ratios mean something
    Map<Figure, Double> figures(boolean alive) {
        Counts now = counts();
        Map<Figure, Double> figures = between(first, now);
        figures.put(Figure.DEFERRED, (double) mostDeferred);
        figures.put(Figure.DEFERRED_AGE, oldestDeferredNanos / 1e6);
        if (alive) {
            speed(first, now, figures);
        }
        return figures;
    }

    /// What happened between two moments.
    static Map<Figure, Double> between(Counts from, Counts to) {
        Map<Figure, Double> figures = new EnumMap<>(Figure.class);
        reclaim(from, to, figures);
        stalls(from, to, figures);
        machinery(from, to, figures);
        return figures;
    }

    private static void reclaim(Counts from, Counts to, Map<Figure, Double> figures) {
        figures.put(Figure.OVER_RECLAIMED, (double) to.overReclaimed - from.overReclaimed);
        figures.put(Figure.REFAULTS, (double) to.refaults - from.refaults);
        double direct = grown(from, to, Item.PGSTEAL_DIRECT);
        double kswapd = grown(from, to, Item.PGSTEAL_KSWAPD);
        figures.put(Figure.RECLAIMED, direct + kswapd);
        if (direct + kswapd > 0) {
            figures.put(Figure.KSWAPD_SHARE, kswapd / (direct + kswapd));
        }
        figures.put(Figure.SKIPPED, grown(from, to, Item.SHRINK_SKIPPED_DOMAIN)
                + grown(from, to, Item.SHRINK_SKIPPED_MASK));
    }

    private static void stalls(Counts from, Counts to, Map<Figure, Double> figures) {
        long writerStalls = to.writerStalls - from.writerStalls;
        if (writerStalls > 0) {
            figures.put(Figure.IDLE_ELSEWHERE,
                    (double) (to.idleByteSum - from.idleByteSum) / writerStalls);
        }
        figures.put(Figure.DIRECT_STALLS, grown(from, to, Item.ALLOCSTALL));
        figures.put(Figure.STALL_MILLIS, grown(from, to, Item.ALLOCSTALL_NANOS) / 1e6);
        figures.put(Figure.STALLS_NORMAL, grown(from, to, Item.ALLOCSTALL_NORMAL));
        figures.put(Figure.STALLS_NORMAL_MILLIS,
                grown(from, to, Item.ALLOCSTALL_NORMAL_NANOS) / 1e6);
        figures.put(Figure.STALLS_NOFS, grown(from, to, Item.ALLOCSTALL_NOFS));
        figures.put(Figure.STALLS_NOFS_MILLIS, grown(from, to, Item.ALLOCSTALL_NOFS_NANOS) / 1e6);
        figures.put(Figure.STALLS_NOIO, grown(from, to, Item.ALLOCSTALL_NOIO));
        figures.put(Figure.STALLS_NOIO_MILLIS, grown(from, to, Item.ALLOCSTALL_NOIO_NANOS) / 1e6);
        figures.put(Figure.STALLS_DOMAIN, grown(from, to, Item.ALLOCSTALL_DOMAIN));
        figures.put(Figure.STALLS_DOMAIN_MILLIS,
                grown(from, to, Item.ALLOCSTALL_DOMAIN_NANOS) / 1e6);
    }

    private static void machinery(Counts from, Counts to, Map<Figure, Double> figures) {
        figures.put(Figure.VMALLOC, grown(from, to, Item.VMALLOC_CALLS));
        figures.put(Figure.NARROWED, grown(from, to, Item.PGTABLE_NARROWED));
        figures.put(Figure.NOFAIL, grown(from, to, Item.NOFAIL_REQUESTS));
        figures.put(Figure.NOIO, grown(from, to, Item.NOIO_SCOPE_ALLOCS));
        figures.put(Figure.FAILURES, (double) to.failures - from.failures);
    }

    private static void speed(Counts from, Counts to, Map<Figure, Double> figures) {
        double seconds = (to.nanos - from.nanos) / 1e9;
        figures.put(Figure.OPS, (to.ended - from.ended) / seconds);
        figures.put(Figure.UPDATES, (to.updates - from.updates) / seconds);
        figures.put(Figure.MERGES, (to.merges - from.merges) / seconds);
        long textHits = to.texts.hits() - from.texts.hits();
        long textMisses = to.texts.misses() - from.texts.misses();
        long indexHits = to.index.hits() - from.index.hits();
        long indexMisses = to.index.misses() - from.index.misses();
        long sent = to.rendered - from.rendered;
        long made = to.made - from.made;
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

    private static double grown(Counts from, Counts to, Item item) {
        return to.items.getOrDefault(item, 0L) - from.items.getOrDefault(item, 0L);
    }
}
