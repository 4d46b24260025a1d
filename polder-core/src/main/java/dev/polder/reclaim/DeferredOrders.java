package dev.polder.reclaim;

import java.util.concurrent.atomic.AtomicInteger;

/// Remembers for which orders background reclaim was in vain, and passes such wishes by ever
/// longer. The kernel's `compaction_deferred` and `defer_compaction`, put before reclaim: without
/// compaction only luck makes a block of frames that were freed one by one.
///
/// Notes
///
/// After the n-th failure the next 2^n - 1 wishes of that order or a larger one are passed by, n
/// held at [#MAX_SHIFT]; a block that is there ends the deferral. The fields are not changed
/// together: a count that is lost between two threads lets one wish through early or late.
final class DeferredOrders {
    /// `COMPACT_MAX_DEFER_SHIFT`: one wish in 64 is tried at least.
    private static final int MAX_SHIFT = 6;

    /// The smallest order given up; larger ones are harder still.
    private volatile int failedOrder = Integer.MAX_VALUE;
    private volatile int shift;
    private final AtomicInteger considered = new AtomicInteger();

    /// Whether a wish for `order` is to be passed by this time; counts it if so.
    boolean defers(int order) {
        if (order < failedOrder) {
            return false;
        }
        return considered.incrementAndGet() < 1 << shift;
    }

    /// Whether the last try for `order`, or for a smaller one, was in vain.
    boolean failed(int order) {
        return order >= failedOrder;
    }

    /// A run for `order` ended without a block of it.
    void gaveUp(int order) {
        considered.set(0);
        shift = Math.min(shift + 1, MAX_SHIFT);
        failedOrder = Math.min(failedOrder, order);
    }

    /// A block of `order` is there.
    void met(int order) {
        if (order >= failedOrder) {
            failedOrder = Integer.MAX_VALUE;
            shift = 0;
        }
    }
}
