package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.Program.Consumer;
import dev.polder.model.Program.Kind;
import dev.polder.model.Program.Scope;
import dev.polder.model.Program.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// Makes random programs. The same seed is the same program.
///
/// Each has a bent of its own, or what is rare would never meet what is rare as well.
final class RandomProgram {
    private static final int[] MASKS = {Gfp.KERNEL, Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO, Gfp.NOWAIT,
        Gfp.ATOMIC, 0, Gfp.KERNEL & ~Gfp.IO, Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM,
        Gfp.KERNEL_ACCOUNT};
    private static final int[] MODIFIERS = {Gfp.NORETRY, Gfp.RETRY_MAYFAIL, Gfp.NOFAIL, Gfp.HIGH,
        Gfp.MEMALLOC, Gfp.NOMEMALLOC, Gfp.NOWARN, Gfp.ZERO, Gfp.ACCOUNT};
    private static final int GROUPS = Program.PARENTS.size();
    private static final int LARGEST = 10;
    /// Of eight blocks of the largest order.
    private static final int MOST_HELD = 6;

    private final SplittableRandom random;
    private final boolean grouped;
    private final boolean atomic;
    private final boolean background;
    private final boolean scoped;

    private RandomProgram(SplittableRandom random) {
        this.random = random;
        this.grouped = random.nextInt(2) == 0;
        this.atomic = random.nextInt(3) == 0;
        this.background = random.nextInt(3) == 0;
        this.scoped = random.nextInt(3) != 0;
    }

    /// The program of a seed with `length` steps.
    static Program of(long seed, int length) {
        return new RandomProgram(new SplittableRandom(seed)).make(seed, length);
    }

    private Program make(long seed, int length) {
        List<Consumer> consumers = new ArrayList<>();
        int n = random.nextInt(1, 6);
        for (int i = 0; i < n; i++) {
            consumers.add(consumer());
        }
        List<Step> steps = new ArrayList<>();
        steps.add(new Step.Hold(random.nextInt(3) == 0 ? random.nextInt(MOST_HELD) : MOST_HELD));
        if (grouped) {
            for (int i = random.nextInt(4); i > 0; i--) {
                steps.add(limit());
            }
            for (int i = random.nextInt(4); i > 0; i--) {
                steps.add(new Step.Open(Scope.GROUP, random.nextInt(1, GROUPS)));
                steps.add(new Step.Grow(random.nextInt(n), 1 << random.nextInt(8), Gfp.NOWAIT));
                steps.add(new Step.Close());
            }
            if (random.nextInt(3) != 0) {
                steps.add(new Step.Open(Scope.GROUP, random.nextInt(1, GROUPS)));
            }
        }
        while (steps.size() < length) {
            steps.add(step(n));
        }
        return new Program(seed, List.copyOf(consumers), List.copyOf(steps));
    }

    private Consumer consumer() {
        Temper[] tempers = Temper.values();
        return new Consumer(
                random.nextInt(3) == 0 ? Temper.GIVES : tempers[random.nextInt(tempers.length)],
                random.nextInt(-1, Program.DOMAINS), new int[] {0, 1, 2, 2, 5}[random.nextInt(5)],
                new int[] {1, 4, 16, 128}[random.nextInt(4)], random.nextInt(3) == 0 ? 1 : 0,
                grouped && random.nextInt(3) != 0);
    }

    private Step step(int consumers) {
        int kind = random.nextInt(100);
        if (kind < 25) {
            return new Step.Grow(random.nextInt(consumers), 1 << random.nextInt(10),
                    random.nextInt(3) == 0 ? Gfp.ATOMIC : Gfp.NOWAIT);
        }
        if (kind < 42) {
            return new Step.Free(random.nextInt(1 << 20));
        }
        if (kind < 50 && scoped) {
            return new Step.Open(Scope.values()[random.nextInt(Scope.GROUP.ordinal())],
                    random.nextInt(Program.DOMAINS));
        }
        if (kind < 59) {
            return new Step.Close();
        }
        if (kind < 67 && grouped) {
            return group();
        }
        if (kind < 72 && background) {
            return new Step.Background(random.nextInt(3) == 0 ? random.nextInt(LARGEST) : 0);
        }
        if (kind < 80 && atomic) {
            return new Step.Alloc(random.nextInt(8), Gfp.ATOMIC | modifier());
        }
        int order = random.nextInt(3) == 0 ? random.nextInt(12) : random.nextInt(3);
        return new Step.Alloc(random.nextInt(2) == 0 ? 0 : order, mask());
    }

    private Step group() {
        return switch (random.nextInt(5)) {
            case 0, 1 -> new Step.Open(Scope.GROUP, random.nextInt(1, GROUPS));
            case 2 -> new Step.Reset(random.nextInt(GROUPS));
            default -> limit();
        };
    }

    private Step limit() {
        Kind kind = Kind.values()[random.nextInt(Kind.values().length)];
        int group = random.nextInt(8) == 0 ? 0 : random.nextInt(1, GROUPS);
        return new Step.Limit(group, kind,
                random.nextInt(4) == 0 ? -1 : random.nextInt(1 << random.nextInt(4, 11)));
    }

    private int mask() {
        int gfp = MASKS[random.nextInt(MASKS.length)];
        for (int i = 0; i < MODIFIERS.length; i++) {
            gfp |= modifier();
        }
        return gfp;
    }

    private int modifier() {
        return random.nextInt(8) == 0 ? MODIFIERS[random.nextInt(MODIFIERS.length)] : 0;
    }
}
