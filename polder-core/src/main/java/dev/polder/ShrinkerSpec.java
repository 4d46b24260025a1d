package dev.polder;

import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrinker.Shrinker;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What a pool is told of a shrinker when it is registered. Immutable; made by [#of] and the
/// methods that return a changed copy.
///
/// @param name for reports; need not be unique
/// @param shrinker what is called
/// @param domain the store or cache that it belongs to, or null
/// @param seeks cost of making an object again, in seeks: 2 for most, 0 for free (row F3)
/// @param batch objects asked for in one call of `scan` (F5)
/// @param groupAware whether `scan` honours `ShrinkControl.groupId()`
/// @param objectBytes about how many bytes one object holds, for reports; 0 if that is not said:
///     then it is estimated from what scans freed, and taken as 4096 until one has
public record ShrinkerSpec(String name, Shrinker shrinker, @Nullable ReclaimDomain domain,
        int seeks,
        int batch, boolean groupAware, long objectBytes) {
    /// The kernel's `DEFAULT_SEEKS`.
    public static final int DEFAULT_SEEKS = 2;
    /// The kernel's `SHRINK_BATCH`.
    public static final int DEFAULT_BATCH = 128;

    /// Refuses what cannot be meant.
    public ShrinkerSpec {
        Objects.requireNonNull(shrinker, "shrinker");
        if (Objects.requireNonNull(name, "name").isBlank()) {
            throw new IllegalArgumentException("a shrinker needs a name: reports show it");
        }
        require("seeks", seeks, 0);
        require("batch", batch, 1);
        require("objectBytes", objectBytes, 0);
    }

    /// A shrinker of no domain with the kernel's defaults, and objects of unknown size.
    public static ShrinkerSpec of(String name, Shrinker shrinker) {
        return new ShrinkerSpec(name, shrinker, null, DEFAULT_SEEKS, DEFAULT_BATCH, false,
                0);
    }

    /// A copy that belongs to `domain`.
    public ShrinkerSpec domain(ReclaimDomain domain) {
        return new ShrinkerSpec(name, shrinker, domain, seeks, batch, groupAware, objectBytes);
    }

    /// A copy with these seeks.
    public ShrinkerSpec seeks(int seeks) {
        return new ShrinkerSpec(name, shrinker, domain, seeks, batch, groupAware, objectBytes);
    }

    /// A copy with this batch.
    public ShrinkerSpec batch(int batch) {
        return new ShrinkerSpec(name, shrinker, domain, seeks, batch, groupAware, objectBytes);
    }

    /// A copy that honours memory groups, or does not.
    public ShrinkerSpec groupAware(boolean groupAware) {
        return new ShrinkerSpec(name, shrinker, domain, seeks, batch, groupAware, objectBytes);
    }

    /// A copy whose objects hold about this many bytes. Say it where you know it: reports tell by
    /// it who could give back how much.
    public ShrinkerSpec objectBytes(long objectBytes) {
        return new ShrinkerSpec(name, shrinker, domain, seeks, batch, groupAware, objectBytes);
    }

    private static void require(String what, long value, long least) {
        if (value < least) {
            throw new IllegalArgumentException(what + " must be at least " + least + ", not "
                    + value);
        }
    }
}
