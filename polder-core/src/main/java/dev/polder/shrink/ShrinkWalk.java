package dev.polder.shrink;

import dev.polder.memgroup.MemGroup;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.task.ShrinkAccess;
import dev.polder.task.Task;
import org.jspecify.annotations.Nullable;

/// One reclaim run's way over the shrinkers: for whom it goes, with which mask, and in whose
/// callback it is at this moment.
///
/// Made once by [ShrinkerRegistry#newWalk] and used for one run after another, by one thread at a
/// time: [#begin], any number of passes, [#end]. Everything between is free of allocation. Other
/// threads may read where the walk stands ([#stuckIn]).
public final class ShrinkWalk {

    // Notes. owner, current and callbackSince are written by the walking thread and read by anyone.
    // current is written last on the way into a callback and first on the way out, so a reader that
    // sees a handle sees the time at which its callback began, or a later one.
    //
    // Whom a run asks depends on what it is for. A run for a group asks the group-aware shrinkers
    // alone, for each group of its tree by itself. A run for the pool asks every shrinker once, for
    // all it has (group 0); but where some group is protected, it asks the group-aware ones for
    // each group by itself, too, or the shrinker would take from the protected what it likes.

    private final ShrinkerRegistry registry;
    private final ShrinkAccess access;
    private final ShrinkControl control;

    // One run; fixed between begin and end.
    private @Nullable Task task;
    private int gfp;
    private boolean mayWait;
    private boolean background;
    private @Nullable MemGroup group;

    // The group asked for at this moment, 0 for all; its charge and how much of that is protected.
    private long groupId;
    private long usage;
    private long protection;

    // What the run has done so far.
    private long scannedObjects;
    private int entered;
    private int contended;
    private int skipped;
    private boolean lowSkipped;
    private boolean lowReclaim;
    private long counted;

    private volatile @Nullable Thread owner;
    private volatile @Nullable ShrinkerHandle current;
    private volatile long callbackSince;

    ShrinkWalk(ShrinkerRegistry registry) {
        this.registry = registry;
        this.access = ShrinkAccess.get();
        this.control = (ShrinkControl) access.create();
    }

    /// Begins a run on the calling thread.
    ///
    /// @param gfp the mask of the request, narrowed by the thread's scope
    /// @param mayWait whether shrinkers may wait for locks and I/O
    /// @param background whether the run is kswapd's and nobody's request
    /// @param group the memory group to reclaim from; null for the whole pool
    public void begin(Task task, int gfp, boolean mayWait, boolean background,
            @Nullable MemGroup group) {
        assert owner == null : "a walk serves one run at a time";
        assert !(background && mayWait) : "kswapd never waits in a shrinker";
        this.task = task;
        this.gfp = gfp;
        this.mayWait = mayWait;
        this.background = background;
        this.group = group;
        this.scannedObjects = 0;
        this.skipped = 0;
        this.lowSkipped = false;
        this.lowReclaim = false;
        ask(0, 0, 0);
        this.owner = Thread.currentThread();
    }

    /// Ends the run.
    public void end() {
        assert owner == Thread.currentThread() : "ended by the thread that began it";
        assert current == null : "no callback outlives its run";
        owner = null;
        task = null;
    }

    /// Asks every shrinker once, in the order of registration, for its share at `priority`: the
    /// kernel's `shrink_slab`. Fair because each is asked for the same part of what it counted.
    public void shrinkConsumers(int priority) {
        entered = 0;
        contended = 0;
        for (ShrinkerHandle handle : registry.handles()) {
            if (handle.tryGet()) {
                try {
                    shrink(handle, priority);
                } finally {
                    handle.put();
                }
            }
        }
    }

    /// Asks every shrinker once that is not passed over, for no object and then for one: to see
    /// which locks it takes, not to get memory.
    public void forceConsumers() {
        for (ShrinkerHandle handle : registry.handles()) {
            if (handle.tryGet()) {
                try {
                    DoShrink.force(this, handle);
                } finally {
                    handle.put();
                }
            }
        }
    }

    private void shrink(ShrinkerHandle handle, int priority) {
        MemGroup top = group;
        MemGroup root = registry.root();
        if (top != null) {
            if (handle.groupAware()) {
                GroupShrink.shrink(this, handle, priority, top);
            }
        } else if (root != null && root.anyProtection() && handle.groupAware()) {
            counted = 0;
            GroupShrink.shrink(this, handle, priority, root);
            handle.total(counted);
            ask(0, 0, 0);
        } else {
            DoShrink.shrink(this, handle, priority);
        }
    }

    /// Asks Polder's own caches of `phase` for `wantFrames` frames, and returns how many became
    /// available.
    public long shrinkInternals(InternalReclaimer.Phase phase, long wantFrames) {
        long freed = 0;
        for (InternalReclaimer internal : registry.internals()) {
            if (freed >= wantFrames) {
                break;
            }
            if (internal.phase() == phase) {
                freed += DoShrink.reclaimInternal(this, internal, wantFrames - freed);
            }
        }
        return freed;
    }

    /// Cuts every one of Polder's own caches to what is worth keeping, and returns how many frames
    /// became free.
    public long shrinkExcess() {
        long freed = 0;
        for (InternalReclaimer internal : registry.internals()) {
            long excess = internal.excessFrames();
            if (excess > 0) {
                freed += DoShrink.reclaimInternal(this, internal, excess);
            }
        }
        return freed;
    }

    /// Objects scanned in this run.
    public long scannedObjects() {
        return scannedObjects;
    }

    /// Passes over a single shrinker in this run that its scope or a STOP to its mask forbade.
    public int skipped() {
        return skipped;
    }

    /// Whether memory was left alone in this run because a `low` protects it.
    public boolean lowSkipped() {
        return lowSkipped;
    }

    /// From now on this run takes what only a `low` protects.
    public void reclaimLow() {
        lowSkipped = false;
        lowReclaim = true;
    }

    /// Whether in the last pass scans were made and every one ended in a STOP that neither mask nor
    /// domain explains: consumers are busy, not empty.
    public boolean congested() {
        return entered > 0 && contended == entered;
    }

    /// Whether `thread` is inside a callback of `handle` in this walk; of any handle where it is
    /// null.
    boolean isInCallback(Thread thread, @Nullable ShrinkerHandle handle) {
        ShrinkerHandle in = current;
        return owner == thread && in != null && (handle == null || in == handle);
    }

    /// The shrinker in whose callback the walk has been for longer than `limitNanos`; null if it is
    /// in none, or not for so long.
    public @Nullable ShrinkerHandle stuckIn(long limitNanos) {
        ShrinkerHandle in = current;
        if (in == null || registry.clock().nanos() - callbackSince < limitNanos) {
            return null;
        }
        return current == in ? in : null;
    }

    /// Marks the shrinker as the one in which this walk is stuck: background walks pass it over
    /// until this walk's callback returns; direct reclaimers still try it. Called by a watcher.
    public void markStuck(ShrinkerHandle handle) {
        handle.stuck(this);
        if (current != handle) {
            handle.unstuck(this);
        }
    }

    // For DoShrink.

    ShrinkerRegistry registry() {
        return registry;
    }

    ShrinkControl control() {
        return control;
    }

    Task task() {
        Task t = task;
        if (t == null) {
            throw new IllegalStateException("the walk has not begun");
        }
        return t;
    }

    int gfp() {
        return gfp;
    }

    boolean mayWait() {
        return mayWait;
    }

    boolean background() {
        return background;
    }

    /// The group that is asked for; 0 for all.
    long groupId() {
        return groupId;
    }

    /// The callbacks that follow are for the group with that id, which has `usage` frames charged,
    /// of which `protection` are to stay.
    void ask(long groupId, long usage, long protection) {
        this.groupId = groupId;
        this.usage = usage;
        this.protection = protection;
        access.begin(control, gfp, mayWait, background, groupId);
    }

    /// The part of `freeable` objects of the group that is not protected.
    long unprotected(long freeable) {
        return protection == 0 ? freeable
                : freeable - GroupShrink.part(freeable, protection, usage + 1);
    }

    boolean reclaimsLow() {
        return lowReclaim;
    }

    void noteLowSkipped() {
        lowSkipped = true;
    }

    /// Notes what a shrinker counted: for the pool, or for one group of several.
    void counted(ShrinkerHandle handle, long objects) {
        handle.counted();
        counted += objects;
        if (groupId == 0) {
            handle.total(objects);
        }
    }

    void request(long objects) {
        access.request(control, objects);
    }

    long scannedByCallback() {
        return access.scanned(control);
    }

    void enterCallback(ShrinkerHandle handle) {
        assert current == null : "a thread is in one callback at a time";
        callbackSince = registry.clock().nanos();
        current = handle;
    }

    void leaveCallback(ShrinkerHandle handle) {
        current = null;
        handle.unstuck(this);
    }

    void noteScanned(long objects) {
        scannedObjects += objects;
        entered++;
    }

    void noteStop(boolean byMask) {
        entered++;
        if (byMask) {
            skipped++;
        } else {
            contended++;
        }
    }

    void noteExcluded() {
        skipped++;
    }
}
