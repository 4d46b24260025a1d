package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.Program.Consumer;
import dev.polder.model.Program.Kind;
import dev.polder.model.Program.Scope;
import dev.polder.model.Program.Source;
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
    /// With these the data may come from where a node of the page table may not.
    private static final int[] RESERVES = {Gfp.MEMALLOC, Gfp.MEMALLOC | Gfp.NOFAIL, Gfp.HIGH};
    /// From these nothing comes: requests get to the end of the road.
    private static final List<Temper> KEEPERS =
            List.of(Temper.STUBBORN, Temper.CLAIMS, Temper.HIDES, Temper.SAYS_EMPTY);
    private static final int GROUPS = Program.PARENTS.size();
    private static final int LARGEST = 10;
    /// Of eight blocks of the largest order.
    private static final int MOST_HELD = 6;

    private final SplittableRandom random;
    private final boolean grouped;
    private final boolean atomic;
    private final boolean background;
    private final boolean scoped;
    private final boolean hopeless;
    private final boolean helped;
    private final boolean objects;
    private final boolean areas;
    private final boolean ending;
    private final boolean reserved;
    private final boolean dropping;

    private RandomProgram(SplittableRandom random, boolean mapping) {
        this.random = random;
        this.grouped = random.nextInt(2) == 0;
        this.atomic = random.nextInt(3) == 0;
        this.background = random.nextInt(3) == 0;
        this.scoped = random.nextInt(3) != 0;
        this.hopeless = random.nextInt(6) == 0;
        this.helped = hopeless || random.nextInt(3) == 0;
        this.objects = random.nextInt(2) == 0;
        this.areas = random.nextInt(2) == 0 && mapping;
        this.ending = grouped && random.nextInt(3) == 0;
        this.reserved = random.nextInt(4) == 0;
        this.dropping = random.nextInt(2) == 0;
    }

    /// The program of a seed with `length` steps.
    ///
    /// @param mapping whether there are areas
    static Program of(long seed, int length, boolean mapping) {
        return new RandomProgram(new SplittableRandom(seed), mapping).make(seed, length);
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
            for (int i = hopeless ? 4 : random.nextInt(4); i > 0; i--) {
                steps.add(new Step.Open(Scope.GROUP, random.nextInt(1, GROUPS)));
                steps.add(grow(consumers, 8, Gfp.NOWAIT));
                steps.add(new Step.Close());
            }
            if (random.nextInt(3) != 0) {
                steps.add(new Step.Open(Scope.GROUP, random.nextInt(1, GROUPS)));
            }
        }
        while (steps.size() < length) {
            steps.add(step(consumers));
        }
        return new Program(seed, List.copyOf(consumers), List.copyOf(steps));
    }

    private Consumer consumer() {
        List<Temper> tempers = hopeless ? KEEPERS : List.of(Temper.values());
        Temper temper = random.nextInt(3) == 0 && !hopeless ? Temper.GIVES
                : tempers.get(random.nextInt(tempers.size()));
        int domain = random.nextInt(-1, Program.DOMAINS);
        int seeks = new int[] {0, 1, 2, 2, 5}[random.nextInt(5)];
        int batch = new int[] {1, 4, 16, 128}[random.nextInt(4)];
        Source source = source();
        long size = switch (source) {
            case PAGES -> random.nextInt(3) == 0 ? 1 : 0;
            case KMALLOC -> 1 + random.nextInt(1 << random.nextInt(6, 15));
            default -> 1 + random.nextInt(1 << random.nextInt(12, 18));
        };
        return new Consumer(temper, domain, seeks, batch, source, size,
                grouped && random.nextInt(3) != 0);
    }

    private Source source() {
        int kind = random.nextInt(6);
        if (kind < 2 && objects) {
            return Source.KMALLOC;
        }
        return kind > 3 && areas ? random.nextInt(2) == 0 ? Source.VMALLOC : Source.KVMALLOC
                : Source.PAGES;
    }

    /// A consumer grows; where its objects are dear to make, by fewer of them.
    private Step grow(List<Consumer> consumers, int doublings, int gfp) {
        int which = random.nextInt(consumers.size());
        boolean dear = consumers.get(which).source() != Source.PAGES;
        return new Step.Grow(which, 1 << random.nextInt(dear ? doublings - 3 : doublings), gfp);
    }

    private Step step(List<Consumer> consumers) {
        int kind = random.nextInt(100);
        if (kind < 25) {
            return grow(consumers, 10, random.nextInt(3) == 0 ? Gfp.ATOMIC : Gfp.NOWAIT);
        }
        if (kind < 42) {
            return new Step.Free(random.nextInt(1 << 20));
        }
        if (kind < 43 && dropping) {
            return drop(consumers);
        }
        if (kind < 50 && scoped) {
            return new Step.Open(Scope.values()[random.nextInt(Scope.GROUP.ordinal())],
                    random.nextInt(Program.DOMAINS));
        }
        if (kind < 59) {
            return new Step.Close();
        }
        if (kind < 67 && grouped) {
            return random.nextInt(5) < 2 ? new Step.Open(Scope.GROUP,
                    random.nextInt(1, ending ? Program.MOST_GROUPS : GROUPS)) : group();
        }
        if (kind < 69 && helped) {
            return new Step.Meanwhile(1 + random.nextInt(1 << random.nextInt(1, 8)),
                    random.nextInt(3) == 0 && grouped ? group()
                            : dropping && random.nextInt(2) == 0 ? drop(consumers)
                            : new Step.Free(random.nextInt(1 << 20)));
        }
        if (kind < 72 && background) {
            return new Step.Background(random.nextInt(3) == 0 ? random.nextInt(LARGEST) : 0);
        }
        if (kind < 80 && atomic) {
            return new Step.Alloc(random.nextInt(8), Gfp.ATOMIC | modifier());
        }
        if (reserved && random.nextInt(2) == 0) {
            return reserve();
        }
        if (objects && random.nextInt(2) == 0) {
            return object();
        }
        if (areas && random.nextInt(2) == 0) {
            Source source = random.nextInt(2) == 0 ? Source.VMALLOC : Source.KVMALLOC;
            int more = random.nextInt(4) == 0 ? RESERVES[random.nextInt(RESERVES.length)] : 0;
            return new Step.Take(source, size(4, random.nextInt(10) == 0 ? 25 : 20),
                    mask() | more);
        }
        int order = random.nextInt(3) == 0 ? random.nextInt(12) : random.nextInt(3);
        return new Step.Alloc(random.nextInt(2) == 0 ? 0 : order, mask());
    }

    private Step object() {
        if (random.nextInt(4) == 0) {
            return new Step.Aligned(size(0, 14), 1L << random.nextInt(15), mask());
        }
        return new Step.Take(Source.KMALLOC, size(0, random.nextInt(5) == 0 ? 23 : 14), mask());
    }

    /// A size of about 2^from to 2^to bytes, of each power as likely; seldom 0.
    private long size(int from, int to) {
        return random.nextInt(40) == 0 ? 0 : random.nextLong(1, 1L << random.nextInt(from + 1, to));
    }

    private Step drop(List<Consumer> consumers) {
        return new Step.Drop(random.nextInt(consumers.size()), 1 << random.nextInt(10));
    }

    private Step reserve() {
        return switch (random.nextInt(8)) {
            case 0 -> new Step.Unreserve();
            case 1, 2 -> new Step.Reserve(random.nextInt(1 << random.nextInt(10)));
            default -> new Step.Take(Source.MEMPOOL, ModelReserve.ELEMENT, mask());
        };
    }

    /// What is done to groups, by whichever thread.
    private Step group() {
        if (ending && random.nextInt(2) == 0) {
            int which = random.nextInt(Program.MOST_GROUPS);
            return random.nextInt(3) == 0 ? new Step.Create(which) : new Step.End(which);
        }
        return random.nextInt(3) == 0 ? new Step.Reset(random.nextInt(GROUPS)) : limit();
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
