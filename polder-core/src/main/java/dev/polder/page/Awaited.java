package dev.polder.page;

import dev.polder.memgroup.MemGroup;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrink.ShrinkerRegistry;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// For whom those wait who wait for memory, in words: the group that was failed to make way, or
/// else those who hold the memory. The text is made when it is read, by the thread that tells it.
///
/// @param root the pool's groups
/// @param shrinkers its consumers
/// @param victims the groups that were failed
/// @param layers what the layers above hold most of, in words, or null if they hold nothing
record Awaited(MemGroup root, ShrinkerRegistry shrinkers, Victims victims,
        Supplier<@Nullable String> layers) {
    /// Holders told of each kind: enough to know where to look.
    private static final int TOP = 3;

    @Override
    public String toString() {
        String victim = victims.describe();
        if (victim != null) {
            return victim;
        }
        List<String> holders = new ArrayList<>();
        root.children().stream().filter(g -> g.charged() > 0)
                .sorted(Comparator.comparingLong(MemGroup::charged).reversed()).limit(TOP)
                .forEach(g -> holders.add("group " + g));
        shrinkers.shrinkers().stream().filter(h -> h.heldBytes() > 0)
                .sorted(Comparator.comparingLong(ShrinkerHandle::heldBytes).reversed()).limit(TOP)
                .forEach(h -> holders.add("shrinker " + h.name() + " (about " + h.heldBytes()
                        + " bytes" + (h.estimated() ? " by estimate, " : ", ") + h.deferred()
                        + " objects deferred)"));
        String above = layers.get();
        if (above != null) {
            holders.add(above);
        }
        return holders.isEmpty()
                ? "whoever frees something; no group, shrinker or object cache holds any"
                : "whoever frees something; most is held by " + String.join(", ", holders);
    }
}
