package dev.polder.reclaim;

import dev.polder.gfp.Gfp;
import dev.polder.stat.VmStat.Item;

/// What restricts a direct reclaimer: the reason under which its stall is counted.
public enum StallKind {
    /// Nothing: FS and IO, inside no exclusion.
    NORMAL(Item.ALLOCSTALL_NORMAL, Item.ALLOCSTALL_NORMAL_NANOS),
    /// Its mask or scope lacks FS.
    NOFS(Item.ALLOCSTALL_NOFS, Item.ALLOCSTALL_NOFS_NANOS),
    /// Its mask or scope lacks IO.
    NOIO(Item.ALLOCSTALL_NOIO, Item.ALLOCSTALL_NOIO_NANOS),
    /// It is inside a domain exclusion, whatever its mask.
    DOMAIN(Item.ALLOCSTALL_DOMAIN, Item.ALLOCSTALL_DOMAIN_NANOS);

    private final Item count;
    private final Item nanos;

    StallKind(Item count, Item nanos) {
        this.count = count;
        this.nanos = nanos;
    }

    /// The kind of a reclaimer with the effective mask `gfp`.
    ///
    /// @param excludesAny whether it is inside a domain exclusion
    public static StallKind of(int gfp, boolean excludesAny) {
        if (excludesAny) {
            return DOMAIN;
        }
        if (!Gfp.has(gfp, Gfp.IO)) {
            return NOIO;
        }
        return Gfp.has(gfp, Gfp.FS) ? NORMAL : NOFS;
    }

    /// Whether the reclaimer may hold locks that others need: then it waits for nobody without a
    /// bound (rows E9, E10), and no shrinker waits on its thread.
    public boolean restricted() {
        return this != NORMAL;
    }

    Item count() {
        return count;
    }

    Item nanos() {
        return nanos;
    }
}
