package dev.polder.model;

import dev.polder.gfp.Gfp;

/// How a shrinker of a program behaves. A pure function, so that the real one and the model's
/// answer alike.
public enum Temper {
    /// Gives all that it is asked for, under any mask.
    GIVES,
    /// Gives where it may take its store's locks (row F9).
    NEEDS_FS,
    /// Gives where it may do I/O.
    NEEDS_IO,
    /// Gives where it may wait.
    NEEDS_TO_WAIT,
    /// Stops always.
    STUBBORN,
    /// Says that it freed everything, and frees nothing.
    CLAIMS,
    /// Gives, and says that it looked at nothing (row F6).
    LOOKS_AT_NOTHING,
    /// Gives half of what it is asked for and says so.
    HALF,
    /// Throws every other time.
    THROWS,
    /// Counts 0 whatever it has (row F1).
    HIDES,
    /// Says that it is empty whatever it has (row F1).
    SAYS_EMPTY,
    /// Takes a frame at times before it gives: on the reserve, since it runs in reclaim (row B9).
    ALLOCATES;

    /// What a scan does.
    ///
    /// @param stop it answers STOP
    /// @param throwing it throws
    /// @param allocates it takes a frame first
    /// @param frees objects that it frees
    /// @param scanned what it reports as looked at; -1: as preset
    public record Answer(boolean stop, boolean throwing, boolean allocates, long frees,
            long scanned) {
        private static final Answer STOP = new Answer(true, false, false, 0, -1);
        private static final Answer THROW = new Answer(false, true, false, 0, -1);

        private static Answer free(long n, long scanned) {
            return new Answer(false, false, false, n, scanned);
        }
    }

    /// The answer to the `call`-th scan of a program.
    public Answer scan(int gfp, boolean mayWait, long toScan, long objects, int call) {
        long all = Math.min(toScan, objects);
        return switch (this) {
            case GIVES, HIDES, SAYS_EMPTY -> Answer.free(all, -1);
            case NEEDS_FS -> Gfp.has(gfp, Gfp.FS) ? Answer.free(all, -1) : Answer.STOP;
            case NEEDS_IO -> Gfp.has(gfp, Gfp.IO) ? Answer.free(all, -1) : Answer.STOP;
            case NEEDS_TO_WAIT -> mayWait ? Answer.free(all, -1) : Answer.STOP;
            case STUBBORN -> Answer.STOP;
            case CLAIMS -> Answer.free(0, -1);
            case LOOKS_AT_NOTHING -> Answer.free(all, 0);
            case HALF -> Answer.free((all + 1) / 2, (toScan + 1) / 2);
            case THROWS -> call % 2 == 0 ? Answer.free(all, -1) : Answer.THROW;
            case ALLOCATES -> new Answer(false, false, call % 4 == 0, all, -1);
        };
    }
}
