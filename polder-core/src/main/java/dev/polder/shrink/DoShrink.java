package dev.polder.shrink;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;

/// Asks one shrinker once: the kernel's `do_shrink_slab` with a fence around the callbacks.
///
/// The callbacks are foreign code. Whatever they throw ends here and acts as STOP; whatever they
/// answer is checked before it enters the arithmetic. What was deferred and not scanned is put back
/// in every case. No Polder lock is held while they run (R2), and they may allocate: the thread is
/// in reclaim, so that cannot lead back into them.
final class DoShrink {

    /// What scanOnce answers where the shrinker is finished for this pass.
    private static final long ENDED = -1;

    /// What scan answers where the callback threw: below every answer a callback can be taken at.
    private static final long THREW = Long.MIN_VALUE;

    /// So many scans in a row that bring no frame back end a shrinker's turn; the rest of its share
    /// is deferred. Of an honest cache that is 131,072 objects in its default batch, not one of
    /// which emptied a page. What holds more than that and gives nothing holds up those who would:
    /// a count that is wrong by a factor of a million would be scanned for hours.
    static final int MAX_VAIN_SCANS = 1024;

    private DoShrink() {
    }

    static void shrink(ShrinkWalk walk, ShrinkerHandle handle, int priority) {
        if (passOver(walk, handle)) {
            return;
        }
        long freeable = walk.unprotected(count(walk, handle));
        if (freeable <= 0) {
            return;
        }
        long deferred = handle.takeDeferred(walk.groupId());
        long delta = ShrinkArithmetic.delta(freeable, priority, handle.seeks());
        long scanned = 0;
        try {
            long total = ShrinkArithmetic.total(deferred, delta, freeable, priority);
            long batch = handle.batch();
            if (excluded(walk, handle)) {
                if (ShrinkArithmetic.more(total, batch, freeable)) {
                    skipDomain(walk, handle, total);
                }
                return;
            }
            int vain = 0;
            while (ShrinkArithmetic.more(total, batch, freeable) && vain < MAX_VAIN_SCANS) {
                long limit = deferred + delta - scanned;
                long before = walk.task().reclaimed();
                long did = scanOnce(walk, handle, ShrinkArithmetic.request(total, batch), limit);
                if (did == ENDED) {
                    break;
                }
                vain = walk.task().reclaimed() > before ? 0 : vain + 1;
                total -= did;
                scanned += did;
            }
            if (vain >= MAX_VAIN_SCANS) {
                walk.registry().stat().add(Item.SHRINK_VAIN);
            }
        } finally {
            long next = ShrinkArithmetic.nextDeferred(deferred, delta, scanned, freeable);
            handle.putDeferred(walk.groupId(), next);
            if (next > deferred) {
                walk.registry().stat().add(Item.SHRINK_DEFERRED, next - deferred);
            }
        }
    }

    /// Runs the callbacks as `shrink` would, for no object and then for one, whatever is counted,
    /// and leaves the shrinker's share and what is deferred as they are.
    static void force(ShrinkWalk walk, ShrinkerHandle handle) {
        if (passOver(walk, handle)) {
            return;
        }
        count(walk, handle);
        if (excluded(walk, handle)) {
            return;
        }
        for (long want = 0; want <= 1; want++) {
            if (scan(walk, handle, want, walk.task().reclaimed()) < 0) {
                return;
            }
        }
    }

    /// Frees from one of Polder's own caches; the larger of what it says and what the zone counted.
    static long reclaimInternal(ShrinkWalk walk, InternalReclaimer internal, long wantFrames) {
        Task task = walk.task();
        long before = task.reclaimed();
        long said = 0;
        try {
            said = internal.reclaim(wantFrames);
        } catch (Throwable t) {
            walk.registry().stat().add(Item.SHRINK_THROWS);
            ConsumerTrouble.threw(walk.registry(), internal.name(), t, false);
        }
        return Math.max(said, task.reclaimed() - before);
    }

    private static boolean passOver(ShrinkWalk walk, ShrinkerHandle handle) {
        if (handle.stuck() && walk.background()) {
            walk.registry().stat().add(Item.SHRINK_SKIPPED_STUCK);
            return true;
        }
        return handle.quarantined() && handle.inQuarantine(walk.registry().clock().nanos());
    }

    private static boolean excluded(ShrinkWalk walk, ShrinkerHandle handle) {
        ReclaimDomain domain = handle.domain();
        return domain != null && !walk.background() && walk.task().excludes(domain);
    }

    private static void skipDomain(ShrinkWalk walk, ShrinkerHandle handle, long objects) {
        handle.excluded(objects, walk.task().innermostSite());
        walk.noteExcluded();
        walk.registry().stat().add(Item.SHRINK_SKIPPED_DOMAIN);
    }

    /// What the shrinker counts, at most [ShrinkArithmetic#MAX_OBJECTS]; 0 where nothing is to be
    /// scanned (row F1).
    private static long count(ShrinkWalk walk, ShrinkerHandle handle) {
        VmStat stat = walk.registry().stat();
        stat.add(Item.SHRINK_COUNT_CALLS);
        walk.request(0);
        long objects;
        enter(walk, handle);
        try {
            objects = handle.shrinker().count(walk.control());
        } catch (Throwable t) {
            threw(walk, handle, t, handle.countThrew(walk.registry().clock().nanos()));
            return 0;
        } finally {
            leave(walk, handle);
        }
        if (objects == Shrinker.EMPTY) {
            objects = 0;
        } else if (objects < 0 || objects > ShrinkArithmetic.MAX_OBJECTS) {
            lied(walk, handle);
            objects = objects < 0 ? 0 : ShrinkArithmetic.MAX_OBJECTS;
        }
        walk.counted(handle, objects);
        return objects;
    }

    /// One scan call for `want` objects: the objects it looked at, between 1 and `limit`, or ENDED.
    private static long scanOnce(ShrinkWalk walk, ShrinkerHandle handle, long want, long limit) {
        assert want > 0 && want <= limit : want;
        walk.registry().stat().add(Item.SHRINK_SCAN_CALLS);
        long before = walk.task().reclaimed();
        long answer = scan(walk, handle, want, before);
        long frames = Math.max(0, walk.task().reclaimed() - before);
        if (answer == THREW) {
            return ENDED;
        }
        if (answer < 0) {
            stopped(walk, handle, frames);
            return ENDED;
        }
        long did = walk.scannedByCallback();
        if (did == 0) {
            did = want;
        } else if (did < 0 || did > limit) {
            lied(walk, handle);
            did = did < 0 ? want : limit;
        }
        handle.scanned(did, answer, frames);
        walk.noteScanned(did);
        walk.registry().stat().add(Item.SLABS_SCANNED, did);
        return did;
    }

    private static long scan(ShrinkWalk walk, ShrinkerHandle handle, long want, long before) {
        walk.request(want);
        enter(walk, handle);
        if (!walk.background()) {
            walk.registry().isolate(want);
        }
        try {
            long answer = handle.shrinker().scan(walk.control());
            if (answer < 0 && answer != Shrinker.STOP) {
                lied(walk, handle);
                return Shrinker.STOP;
            }
            return answer;
        } catch (Throwable t) {
            long frames = Math.max(0, walk.task().reclaimed() - before);
            threw(walk, handle, t, handle.scanThrew(frames, walk.registry().clock().nanos()));
            return THREW;
        } finally {
            leave(walk, handle);
            if (!walk.background()) {
                walk.registry().isolate(-want);
            }
        }
    }

    private static void enter(ShrinkWalk walk, ShrinkerHandle handle) {
        FsReclaim.callbackEnter(handle.name(), handle.domain(), walk.mayWait());
        walk.enterCallback(handle);
    }

    private static void leave(ShrinkWalk walk, ShrinkerHandle handle) {
        walk.leaveCallback(handle);
        FsReclaim.callbackLeave(handle.name(), handle.domain());
        Task task = walk.task();
        if ((task.flags() & Task.NORECLAIM) == 0) {
            // A crossed token in the callback ended reclaim's own scope; without it the callback's
            // next allocation would recurse.
            task.saveFlags(Task.NORECLAIM);
            lied(walk, handle);
        }
    }

    private static void stopped(ShrinkWalk walk, ShrinkerHandle handle, long frames) {
        boolean byMask = !Gfp.has(walk.gfp(), Gfp.IO | Gfp.FS);
        handle.stopped(frames, byMask);
        walk.noteStop(byMask);
        VmStat stat = walk.registry().stat();
        stat.add(Item.SHRINK_STOPS);
        if (byMask) {
            stat.add(Item.SHRINK_SKIPPED_MASK);
        }
    }

    /// Told are the first throw in a row and the one that sets the shrinker aside.
    private static void threw(ShrinkWalk walk, ShrinkerHandle handle, Throwable t, int inRow) {
        ShrinkerRegistry registry = walk.registry();
        registry.stat().add(Item.SHRINK_THROWS);
        boolean setAside = inRow == ShrinkerHandle.QUARANTINE_AFTER;
        if (setAside) {
            registry.stat().add(Item.SHRINK_QUARANTINED);
        }
        if (inRow == 1 || setAside) {
            ConsumerTrouble.threw(registry, handle.name(), t, setAside);
        }
    }

    private static void lied(ShrinkWalk walk, ShrinkerHandle handle) {
        handle.lied();
        walk.registry().stat().add(Item.SHRINK_LIES);
    }
}
