package dev.polder;

import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;

/// A shrinker that claims to hold so much that it is asked first, and runs `body` when it is
/// scanned.
record CallbackShrinker(Runnable body) implements Shrinker {
    @Override
    public long count(ShrinkControl sc) {
        return 1L << 30;
    }

    @Override
    public long scan(ShrinkControl sc) {
        body.run();
        return STOP;
    }
}
