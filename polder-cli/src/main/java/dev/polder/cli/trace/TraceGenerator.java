package dev.polder.cli.trace;

import java.util.SplittableRandom;

/// Makes a [Trace] from a seed: the same seed, number of texts and length always give the same
/// trace.
///
/// Texts are chosen by rank, where the k-th text is asked for in proportion to 1/k^0.8: some are
/// asked for all the time, most seldom, as files are.
public final class TraceGenerator {

    /// Below 1, so that the tail counts: the data does not fit, and everybody has misses.
    private static final double SKEW = 0.8;

    /// Texts in one update, at least and at most: a directory is imported again.
    private static final int MIN_UPDATE = 400;
    private static final int MAX_UPDATE = 1200;

    /// The lists are a little longer than what a phase's time has room for.
    private static final double MARGIN = 1.25;

    private final SplittableRandom random;
    private final double[] cumulated;
    private final int[] textOfRank;

    private TraceGenerator(long seed, int texts) {
        random = new SplittableRandom(seed);
        cumulated = new double[texts];
        textOfRank = new int[texts];
        double sum = 0;
        for (int rank = 0; rank < texts; rank++) {
            sum += StrictMath.pow(rank + 1, -SKEW);
            cumulated[rank] = sum;
            textOfRank[rank] = rank;
        }
        for (int i = texts - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int moved = textOfRank[i];
            textOfRank[i] = textOfRank[j];
            textOfRank[j] = moved;
        }
    }

    /// Makes a trace.
    ///
    /// @param texts how many texts there are, 1 at least
    /// @param phaseSeconds about how long a phase lasts: how long the lists are
    public static Trace generate(long seed, int texts, double phaseSeconds) {
        if (texts < 1) {
            throw new IllegalArgumentException("no texts");
        }
        TraceGenerator g = new TraceGenerator(seed, texts);
        Phase[] phases = Phase.values();
        Actor[] actors = Actor.values();
        long[][][] ops = new long[phases.length][actors.length][0];
        for (Phase phase : phases) {
            for (Actor actor : actors) {
                if (phase.has(actor)) {
                    ops[phase.ordinal()][actor.ordinal()] = g.list(phase, actor, phaseSeconds);
                }
            }
        }
        return new Trace(seed, texts, ops);
    }

    private long[] list(Phase phase, Actor actor, double seconds) {
        int length = (int) (1e9 / actor.intervalNanos() * seconds * MARGIN);
        long[] list = new long[Math.max(16, length)];
        for (int i = 0; i < list.length; i++) {
            list[i] = switch (actor) {
                case TEXTS_WRITER -> Op.UPDATE.pack(
                        random.nextInt(MIN_UPDATE, MAX_UPDATE), text());
                case INDEX_WRITER -> Op.MERGE.pack(0, 0);
                case CLIENT_1, CLIENT_2 -> request(phase);
            };
        }
        return list;
    }

    /// Of ten requests six ask for rendered texts; the others go to the stores that are in use.
    private long request(Phase phase) {
        int die = random.nextInt(10);
        Op op = die < 6 ? Op.RENDER
                : phase.readsTexts() && (die < 8 || !phase.readsIndex()) ? Op.READ : Op.SEARCH;
        return op.pack(random.nextInt(1 << 16), text());
    }

    private int text() {
        double at = random.nextDouble() * cumulated[cumulated.length - 1];
        int low = 0;
        int high = cumulated.length - 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (cumulated[middle] > at) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return textOfRank[low];
    }
}
