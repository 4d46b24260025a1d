package dev.polder;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import org.jspecify.annotations.Nullable;

/// A consumer of one temper, most of them bad. It gives back a part of the program's slots.
final class FuzzShrinker implements Shrinker {
    /// How it behaves.
    enum Temper { GENEROUS, GRUDGING, EMPTY, LIAR, STOPPER, THROWER, ALLOCATOR, NEGATIVE, ELSEWHERE,
        SUICIDAL }

    /// What a program offers its consumers.
    interface Host {
        /// Frees up to `most` blocks of the part; how many.
        long freeSome(int part, long most);

        /// Hears of each call, before anything else is done.
        void called(ShrinkControl sc, boolean scan, @Nullable ReclaimDomain domain);
    }

    private final Host host;
    private final Polder pool;
    private final int part;
    private final Temper temper;
    private final @Nullable ReclaimDomain domain;
    private volatile @Nullable Registration registration;

    FuzzShrinker(Host host, Polder pool, int part, Temper temper, @Nullable ReclaimDomain domain) {
        this.host = host;
        this.pool = pool;
        this.part = part;
        this.temper = temper;
        this.domain = domain;
    }

    Registration register(int seeks, int batch) {
        ShrinkerSpec spec = ShrinkerSpec.of("fuzz-" + temper + "-" + part, this).seeks(seeks)
                .batch(batch);
        Registration r = pool.register(domain == null ? spec : spec.domain(domain));
        registration = r;
        return r;
    }

    @Override
    public long count(ShrinkControl sc) {
        host.called(sc, false, domain);
        return switch (temper) {
            case EMPTY -> EMPTY;
            case LIAR -> 1L << 14;
            case NEGATIVE -> -5;
            default -> 40;
        };
    }

    @Override
    public long scan(ShrinkControl sc) {
        host.called(sc, true, domain);
        return switch (temper) {
            case GENEROUS -> host.freeSome(part, sc.toScan());
            case GRUDGING -> {
                sc.scanned(1);
                yield host.freeSome(part, 1);
            }
            case STOPPER -> (sc.gfp() & Gfp.FS) == 0 ? STOP : host.freeSome(part, 2);
            case THROWER -> throw new UnsupportedOperationException("a bad temper");
            case ALLOCATOR -> {
                long run = pool.pages().alloc(0, sc.gfp() | Gfp.NOWARN);
                pool.pages().free(run);
                yield host.freeSome(part, 1);
            }
            case NEGATIVE -> -77;
            case ELSEWHERE -> {
                freeElsewhere();
                yield 1;
            }
            case SUICIDAL -> {
                closeMyself();
                yield STOP;
            }
            default -> sc.toScan();
        };
    }

    private void freeElsewhere() {
        Thread t = Thread.ofVirtual().start(() -> host.freeSome(part, 1));
        try {
            t.join();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private void closeMyself() {
        Registration mine = registration;
        if (mine != null) {
            try {
                mine.close();
                throw new AssertionError("a shrinker closed itself from inside");
            } catch (IllegalStateException expected) {
                assert expected.getMessage() != null : "it says why";
            }
        }
    }
}
