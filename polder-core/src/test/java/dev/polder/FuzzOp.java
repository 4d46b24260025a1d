package dev.polder;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// One step of a random program. What its three numbers mean is the interpreter's to say, and any
/// numbers will do: a program that lost steps is a program still.
///
/// @param kind what is done
/// @param thread by which of the program's threads
/// @param a a choice
/// @param b another
/// @param c another
record FuzzOp(Kind kind, int thread, int a, int b, int c) {
    /// What is done, with how often of a hundred or so.
    enum Kind {
        TAKE(40), FREE(16), RESIZE(2), HOARD(2), RELEASE(3), SCOPE(7), EXCLUDE(3), LEAVE(7),
        LOCK(3), UNLOCK(3), ENTER(3), LIMIT(2), RESET(1), END(1), REGISTER(3), UNREGISTER(2),
        CHECK(1);

        private final int weight;

        Kind(int weight) {
            this.weight = weight;
        }
    }

    /// Threads of a program.
    static final int THREADS = 3;
    private static final int CHOICES = 1 << 20;

    /// The program of that seed.
    static List<FuzzOp> program(long seed, int length) {
        SplittableRandom random = new SplittableRandom(seed);
        int all = 0;
        for (Kind kind : Kind.values()) {
            all += kind.weight;
        }
        List<FuzzOp> out = new ArrayList<>(length);
        for (int i = 0; i < length; i++) {
            int left = random.nextInt(all);
            int k = 0;
            while (left >= Kind.values()[k].weight) {
                left -= Kind.values()[k++].weight;
            }
            out.add(new FuzzOp(Kind.values()[k], random.nextInt(THREADS), random.nextInt(CHOICES),
                    random.nextInt(CHOICES), random.nextInt(CHOICES)));
        }
        return out;
    }
}
