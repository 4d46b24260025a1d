package dev.polder.reclaim;

import dev.polder.memgroup.MemGroup;
import dev.polder.shrink.ShrinkArithmetic;
import dev.polder.shrink.ShrinkWalk;
import dev.polder.task.Task;
import org.jspecify.annotations.Nullable;

/// One reclaim run: what is wanted, with which mask, at which priority, and how far it is. The
/// kernel's `struct scan_control`.
///
/// Pooled and used again. `gfp`, `kind`, `background` and `group` never change between begin and
/// end.
final class ScanControl {

    final ShrinkWalk walk;

    int gfp;
    StallKind kind = StallKind.NORMAL;
    boolean background;
    /// The memory group to reclaim from; null for the whole pool.
    @Nullable MemGroup group;
    long nrToReclaim;

    int priority;
    /// Frames that this thread's frees returned to the zone: progress.
    long nrReclaimed;
    /// Frames that were free already and only became available: they end a run, but are no
    /// progress.
    long nrDrained;
    /// Whether an interrupt was put aside, to be given back when the run ends.
    boolean interrupted;
    boolean throttledCongested;

    /// Place in the free list of [ScanControls]: the next free one's index plus one, 0 for none.
    /// Written by whoever owns the object, read by those who try to take it.
    volatile int nextFree;
    final int index;

    ScanControl(ShrinkWalk walk, int index) {
        this.walk = walk;
        this.index = index;
    }

    void begin(Task task, int gfp, StallKind kind, boolean background, @Nullable MemGroup group) {
        this.gfp = gfp;
        this.kind = kind;
        this.background = background;
        this.group = group;
        this.nrToReclaim = Vmscan.SWAP_CLUSTER_MAX;
        this.priority = ShrinkArithmetic.DEF_PRIORITY;
        this.nrReclaimed = 0;
        this.nrDrained = 0;
        this.throttledCongested = false;
        walk.begin(task, gfp, !background && !kind.restricted(), background, group);
    }

    void end() {
        walk.end();
    }

    /// Frames still wanted; 0 or less when the run has reached its goal.
    long wanted() {
        return nrToReclaim - nrReclaimed - nrDrained;
    }
}
