package dev.polder.stress;

import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.StressOptions;

/// How much is checked: a little in every build, more with `-Pstress`.
public final class Checks {
    /// Threads of a scenario; their numbers are 0 to 3, with those before and after.
    public static final int THREAD_NUMBERS = 4;
    private static final boolean LONG = Boolean.getBoolean("polder.stress.long");
    /// Of a long run: 1 is for some ten minutes altogether; `-Dpolder.stress.scale` for longer.
    public static final int SCALE = Integer.getInteger("polder.stress.scale", 1);
    private static final int THREADS = 2;

    private Checks() {}

    /// Runs every scenario that it makes up often, on real threads.
    public static StressOptions stress() {
        return new StressOptions()
                .threads(THREADS)
                .actorsPerThread(4)
                .actorsBefore(0)
                .actorsAfter(1)
                .iterations(LONG ? 30 * SCALE : 6)
                .invocationsPerIteration(LONG ? 3_000 : 400);
    }

    /// Explores interleavings of every scenario that it makes up.
    public static ModelCheckingOptions modelChecking() {
        return modelChecking(1);
    }

    /// The same where a run of a scenario costs `cost` times as much as elsewhere: fewer runs.
    public static ModelCheckingOptions modelChecking(int cost) {
        return new ModelCheckingOptions()
                .threads(THREADS)
                .actorsPerThread(3)
                .actorsBefore(2)
                .actorsAfter(2)
                .iterations(LONG ? 30 * SCALE : 6)
                .invocationsPerIteration((LONG ? 3_000 : 400) / cost);
    }
}
