package dev.polder.model;

import dev.polder.gfp.Gfp;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// A random single-threaded program: shrinkers and steps. The same seed is the same program.
///
/// @param seed where it came from
/// @param shrinkers the consumers, in the order of registration
/// @param steps what happens, in turn
public record Program(long seed, List<Consumer> shrinkers, List<Step> steps) {

    /// A consumer with a shrinker.
    ///
    /// @param temper how it behaves
    /// @param domain which of the program's domains it is in; -1: none
    /// @param order of the runs that are its objects
    public record Consumer(Temper temper, int domain, int seeks, int batch, int order) {
    }

    /// One step.
    public sealed interface Step {
        /// A page request; what it gets is kept.
        record Alloc(int order, int gfp) implements Step {
            @Override
            public String toString() {
                return "alloc order " + order + ", " + Gfp.toString(gfp);
            }
        }

        /// A run that was kept is freed; which one, modulo their number.
        record Free(int which) implements Step {
        }

        /// A consumer takes objects until it has enough or a request fails.
        record Grow(int consumer, int objects, int gfp) implements Step {
        }

        /// A scope is opened: one of NOFS, NOIO, NORECLAIM, or an exclusion.
        record Open(Scope scope, int domain) implements Step {
        }

        /// The innermost scope is closed.
        record Close() implements Step {
        }
    }

    /// Kinds of scopes.
    public enum Scope {
        NOFS, NOIO, NORECLAIM, EXCLUDING
    }

    /// Domains of a program.
    public static final int DOMAINS = 2;
    /// Scopes that are open at once, at most.
    private static final int DEPTH = 3;
    private static final int[] MASKS = {Gfp.KERNEL, Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO, Gfp.NOWAIT,
        Gfp.ATOMIC, 0, Gfp.KERNEL & ~Gfp.IO, Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM};
    private static final int[] MODIFIERS = {Gfp.NORETRY, Gfp.RETRY_MAYFAIL, Gfp.NOFAIL, Gfp.HIGH,
        Gfp.MEMALLOC, Gfp.NOMEMALLOC, Gfp.NOWARN, Gfp.ZERO};

    /// The program of a seed with `length` steps.
    public static Program random(long seed, int length) {
        SplittableRandom random = new SplittableRandom(seed);
        List<Consumer> consumers = new ArrayList<>();
        int n = random.nextInt(1, 6);
        for (int i = 0; i < n; i++) {
            consumers.add(consumer(random));
        }
        List<Step> steps = new ArrayList<>();
        int open = 0;
        for (int i = 0; i < length; i++) {
            Step step = step(random, n, open);
            open += step instanceof Step.Open ? 1 : step instanceof Step.Close ? -1 : 0;
            steps.add(step);
        }
        return new Program(seed, List.copyOf(consumers), List.copyOf(steps));
    }

    private static Consumer consumer(SplittableRandom random) {
        Temper[] tempers = Temper.values();
        return new Consumer(
                random.nextInt(3) == 0 ? Temper.GIVES : tempers[random.nextInt(tempers.length)],
                random.nextInt(-1, DOMAINS), new int[] {0, 1, 2, 2, 5}[random.nextInt(5)],
                new int[] {1, 4, 16, 128}[random.nextInt(4)], random.nextInt(3) == 0 ? 1 : 0);
    }

    private static Step step(SplittableRandom random, int consumers, int open) {
        int kind = random.nextInt(100);
        if (kind < 25) {
            return new Step.Grow(random.nextInt(consumers), 1 << random.nextInt(10),
                    random.nextInt(3) == 0 ? Gfp.ATOMIC : Gfp.NOWAIT);
        }
        if (kind < 45) {
            return new Step.Free(random.nextInt(1 << 20));
        }
        if (kind < 53) {
            return open == DEPTH ? new Step.Close() : new Step.Open(
                    Scope.values()[random.nextInt(Scope.values().length)],
                    random.nextInt(DOMAINS));
        }
        if (kind < 62 && open > 0) {
            return new Step.Close();
        }
        int order = random.nextInt(3) == 0 ? random.nextInt(12) : random.nextInt(3);
        return new Step.Alloc(random.nextInt(2) == 0 ? 0 : order, mask(random));
    }

    private static int mask(SplittableRandom random) {
        int gfp = MASKS[random.nextInt(MASKS.length)];
        for (int modifier : MODIFIERS) {
            if (random.nextInt(8) == 0) {
                gfp |= modifier;
            }
        }
        return gfp;
    }
}
