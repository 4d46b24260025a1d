package dev.polder;

import java.lang.System.Logger.Level;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Which random programs run, and for how long: `-Dpolder.fuzz.seconds` for both tests together,
/// `-Dpolder.fuzz.seed` for one program, `-Dpolder.fuzz.from` for those from a seed on.
public final class FuzzSeeds {
    private static final System.Logger LOG = System.getLogger("dev.polder.fuzz");
    /// Half of all: there are two tests.
    private static final long SECONDS = Long.getLong("polder.fuzz.seconds", 60) / 2;
    private static final @Nullable Long ONE = Long.getLong("polder.fuzz.seed");

    private FuzzSeeds() {}

    /// The seed of the one program that is to run, or null.
    public static @Nullable Long one() {
        return ONE;
    }

    /// The seed to begin with. It is logged before anything runs: a program that ends the JVM
    /// tells nobody its own.
    public static long first(Class<?> test) {
        long from = Long.getLong("polder.fuzz.from", System.nanoTime());
        LOG.log(Level.INFO, test.getSimpleName() + " begins with -Dpolder.fuzz.from=" + from
                + ", for " + SECONDS + " s");
        return from;
    }

    /// How long to search.
    public static long nanos() {
        return TimeUnit.SECONDS.toNanos(SECONDS);
    }
}
