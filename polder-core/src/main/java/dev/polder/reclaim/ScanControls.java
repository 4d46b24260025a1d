package dev.polder.reclaim;

import dev.polder.shrink.ShrinkWalk;
import dev.polder.shrink.ShrinkerRegistry;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/// The pool's scan controls: as many as threads were in reclaim at once, each used again and again.
///
/// They belong to no thread, because virtual threads are many and short-lived.
final class ScanControls {

    // Notes. Free controls form a stack of indices, linked through nextFree. `head` holds the index
    // plus one of the top (low half) and a version that every change raises (high half), so that a
    // compare-and-set fails when the top was taken and given back meanwhile. `all` only grows.

    private static final long INDEX = 0xFFFF_FFFFL;
    private static final long VERSION = INDEX + 1;

    private final ShrinkerRegistry registry;
    private final AtomicLong head = new AtomicLong();
    private final AtomicReference<ScanControl[]> all =
            new AtomicReference<>(new ScanControl[0]);

    ScanControls(ShrinkerRegistry registry) {
        this.registry = registry;
    }

    /// A control that nobody else uses. Allocates only when more threads are in reclaim than ever
    /// before.
    ScanControl take() {
        while (true) {
            long top = head.get();
            int index = (int) (top & INDEX) - 1;
            if (index < 0) {
                return grow();
            }
            ScanControl sc = all.get()[index];
            if (head.compareAndSet(top, next(top) | sc.nextFree)) {
                return sc;
            }
        }
    }

    /// Gives a control back.
    void give(ScanControl sc) {
        while (true) {
            long top = head.get();
            sc.nextFree = (int) (top & INDEX);
            if (head.compareAndSet(top, next(top) | (sc.index + 1))) {
                return;
            }
        }
    }

    /// Controls made so far.
    int made() {
        return all.get().length;
    }

    private ScanControl grow() {
        ShrinkWalk walk = registry.newWalk();
        while (true) {
            ScanControl[] old = all.get();
            ScanControl sc = new ScanControl(walk, old.length);
            ScanControl[] more = Arrays.copyOf(old, old.length + 1);
            more[old.length] = sc;
            if (all.compareAndSet(old, more)) {
                return sc;
            }
        }
    }

    private static long next(long top) {
        return (top & ~INDEX) + VERSION;
    }
}
