package dev.polder.shrink;

/// How much of a consumer's cache one pass scans, and how much it leaves for later: the figures in
/// the kernel's `do_shrink_slab`, as pure functions (rows F3, F4, F5, F8).
///
/// All arguments count objects and must lie in 0..[#MAX_OBJECTS], so that no sum or product here
/// can overflow.
public final class ShrinkArithmetic {

    /// The most objects that a consumer is believed to hold. Sixteen times this, which is more than
    /// any expression here makes of it, still fits a long.
    public static final long MAX_OBJECTS = 1L << 48;

    /// Priorities run from here, where a pass looks at 1/4096 of each cache, down to 0, where it
    /// looks at all of it.
    public static final int DEF_PRIORITY = 12;

    /// How dear it is to make an object again, when the consumer does not say.
    public static final int DEFAULT_SEEKS = 2;

    /// Objects in one scan call, when the consumer does not say.
    public static final int DEFAULT_BATCH = 128;

    private ShrinkArithmetic() {
    }

    /// New work that `freeable` objects justify at this priority (row F3). With `seeks` 0 the
    /// objects cost nothing to make again: half of them, at every priority.
    public static long delta(long freeable, int priority, int seeks) {
        assert inRange(freeable);
        assert priority >= 0 && priority <= DEF_PRIORITY : priority;
        assert seeks >= 0 : seeks;
        if (seeks == 0) {
            return freeable / 2;
        }
        return (freeable >> priority) * 4 / seeks;
    }

    /// The work of this pass: new work and a share of the deferred, never more than twice the cache
    /// (row F4). Adding all that was deferred would empty a cache that was long left alone at the
    /// first light pressure.
    public static long total(long deferred, long delta, long freeable, int priority) {
        assert deferred >= 0 : deferred;
        return Math.min((deferred >> priority) + delta, 2 * freeable);
    }

    /// Whether another scan call is due (row F5): a whole batch is left, or as much as the whole
    /// cache. A small cache is thus emptied only when pressure is high.
    public static boolean more(long total, long batch, long freeable) {
        return total >= batch || total >= freeable;
    }

    /// How many objects the next scan call is asked for (row F5).
    public static long request(long total, long batch) {
        return Math.min(batch, total);
    }

    /// What is left for a later reclaimer (row F8).
    public static long nextDeferred(long deferred, long delta, long scanned, long freeable) {
        return Math.min(Math.max(deferred + delta - scanned, 0), 2 * freeable);
    }

    private static boolean inRange(long objects) {
        return objects >= 0 && objects <= MAX_OBJECTS;
    }
}
