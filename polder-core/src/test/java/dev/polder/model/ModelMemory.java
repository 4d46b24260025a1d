package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.ModelFrames.Placed;
import dev.polder.model.Program.Source;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Memory of every source: the page allocator, kmalloc, vmalloc, and kvmalloc over both (rows I).
final class ModelMemory {
    private static final long FRAME = 4096;
    private static final long INT_MAX = Integer.MAX_VALUE;

    private final Set<Mistake> mistakes;
    private final ModelPages pages;
    private final ModelFrames frames;
    private final ModelGroups groups;
    private final ModelObjects objects;
    private final ModelAreas areas;
    private final ModelReserve reserve;
    private final ModelTime time;

    ModelMemory(ModelPages pages, ModelFrames frames, ModelGroups groups, ModelObjects objects,
            ModelAreas areas, ModelTime time, Set<Mistake> mistakes) {
        this.pages = pages;
        this.frames = frames;
        this.groups = groups;
        this.objects = objects;
        this.areas = areas;
        this.reserve = new ModelReserve(objects, time, mistakes);
        this.time = time;
        this.mistakes = mistakes;
    }

    void places(Told told) {
        frames.places(told.runs());
        objects.places(told.addresses());
    }

    /// What a request of `size` gets, an order or bytes; null for nothing.
    @Nullable Held take(Source source, long size, int gfp) {
        if (source == Source.PAGES) {
            return pages.request((int) size, gfp);
        }
        return settled(switch (source) {
            case KMALLOC -> objects.kmalloc(size, 1, gfp);
            case VMALLOC -> areas.take(size, gfp);
            case KVMALLOC -> kvmalloc(size, gfp);
            default -> reserve.take(gfp);
        });
    }

    @Nullable Held aligned(long size, long alignment, int gfp) {
        return settled(objects.kmalloc(size, alignment, gfp));
    }

    private @Nullable Held settled(@Nullable Held got) {
        objects.giveEmptyBack();
        return got;
    }

    ModelObjects objects() {
        return objects;
    }

    /// I1 to I5.
    private @Nullable Held kvmalloc(long size, int gfp) {
        if (size <= FRAME && !mistakes.contains(Mistake.KV_SMALL_FALLS_BACK)) {
            return objects.kmalloc(size, 1, gfp);
        }
        int first = gfp | Gfp.NOWARN;
        if (!mistakes.contains(Mistake.KV_FIRST_TRY_INSISTS)) {
            first &= ~Gfp.NOFAIL;
        }
        boolean effort = Gfp.has(gfp, Gfp.RETRY_MAYFAIL)
                && !mistakes.contains(Mistake.KV_NO_EFFORT_FOR_RETRY_MAYFAIL);
        if (!effort) {
            first = mistakes.contains(Mistake.KV_FIRST_TRY_RECLAIMS) ? first | Gfp.NORETRY
                    : mistakes.contains(Mistake.KV_FIRST_TRY_WAKES_NOBODY) ? first & ~Gfp.RECLAIM
                    : first & ~Gfp.DIRECT_RECLAIM;
        }
        Held got = objects.kmalloc(size, 1, first);
        boolean refused = size > INT_MAX || (!Gfp.has(gfp, Gfp.DIRECT_RECLAIM)
                && mistakes.contains(Mistake.KV_ATOMIC_GIVES_UP));
        if (got != null || refused) {
            if (got != null) {
                areas.payForHigh(gfp);
            }
            return got;
        }
        return areas.take(size, mistakes.contains(Mistake.KV_KEEPS_THE_FIRST_MASK) ? first : gfp);
    }

    void free(Held what) {
        time.moved();
        switch (what) {
            case Placed run -> {
                if (run.payer() >= 0 && !mistakes.contains(Mistake.FREED_STAYS_CHARGED)) {
                    groups.charge(run.payer(), -(1L << run.order()));
                }
                frames.give(run);
            }
            case ModelObjects.Obj o when reserve.owns(o) -> reserve.free(o);
            case ModelObjects.Obj o -> objects.free(o);
            case ModelAreas.Area a -> areas.free(a);
            case Held.Nothing _ -> { }
        }
    }

    ModelAreas areas() {
        return areas;
    }

    ModelReserve reserve() {
        return reserve;
    }

    /// What can be seen of what was taken, in words.
    String describe(Held what) {
        return what instanceof ModelAreas.Area a ? ModelAreas.describe(a)
                : "usable " + (mistakes.contains(Mistake.USABLE_IS_A_FRAME_AT_LEAST)
                        ? Math.max(FRAME, objects.usable(what)) : objects.usable(what));
    }
}
