package dev.polder.cli.load;

import dev.polder.gfp.FsReclaim;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/// Sees each direct reclaim of a writer, through the port that lock checkers use, and notes how
/// much memory lay idle elsewhere at that moment.
final class Stalls implements FsReclaim.Tracker {

    private final LongSupplier idleBytes;
    private final LongAdder stalls = new LongAdder();
    private final LongAdder idle = new LongAdder();

    /// @param idleBytes bytes that lie idle now; called on the stalling thread, allocates nothing
    Stalls(LongSupplier idleBytes) {
        this.idleBytes = idleBytes;
    }

    @Override
    public void mightAlloc(int effectiveGfp) {
        // Only reclaim is of interest here.
    }

    @Override
    public void reclaimEnter(int effectiveGfp) {
        if (Thread.currentThread() instanceof ActorThread t && t.actor().writer()) {
            stalls.increment();
            idle.add(idleBytes.getAsLong());
        }
    }

    @Override
    public void reclaimLeave(int effectiveGfp) {
        // How long it took is in the pool's own counters.
    }

    /// Direct reclaims of writers.
    long count() {
        return stalls.sum();
    }

    /// Sum of the idle bytes over all of them.
    long idleByteSum() {
        return idle.sum();
    }
}
