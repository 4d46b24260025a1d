package dev.polder.shrink;

import dev.polder.stat.VmStat.Item;

/// Tells the pool's listener that a callback threw. Nothing the listener does gets out.
final class ConsumerTrouble {

    private ConsumerTrouble() {
    }

    static void threw(ShrinkerRegistry registry, String shrinker, Throwable t,
            boolean quarantined) {
        try {
            registry.events().shrinkerThrew(registry.pool(), shrinker, t, quarantined);
        } catch (Throwable listener) {
            // A listener is foreign code as well, and nobody is left to tell.
            registry.stat().add(Item.SHRINK_THROWS);
        }
    }
}
