package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.PolderEvents;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Random programs on a real pool, for a time. See docs/dev/testing.md for running one again.
class FuzzTest {
    /// Real seconds in which a planted fault must be found.
    private static final long CANARY_SECONDS = 60;
    private static final int SHORTEST = 50;
    private static final int LONGEST = 500;
    /// Runs spent on making a failing program shorter.
    private static final int SHRINKING = 150;

    @BeforeAll
    static void quiet() {
        // Bad tempers are reported, and rightly.
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void shrinkerThrew(String pool, String shrinker, Throwable thrown,
                    boolean quarantined) {
                assertThat(thrown).isInstanceOf(UnsupportedOperationException.class);
            }
        });
    }

    @AfterAll
    static void loud() {
        PolderEvents.listen(null);
    }

    @Test
    void nothingIsFound() {
        Long one = FuzzSeeds.one();
        failIf(one != null ? search(one, 1, FuzzRun.Fault.NONE, FuzzSeeds.nanos())
                : search(FuzzSeeds.first(FuzzTest.class), Integer.MAX_VALUE, FuzzRun.Fault.NONE,
                        FuzzSeeds.nanos()));
    }

    private static void failIf(@Nullable Finding found) {
        if (found != null) {
            throw new AssertionError("-Dpolder.fuzz.seed=" + found.seed + " fails; the shortest"
                    + " program found:\n" + found.text(), found.why);
        }
    }

    @ParameterizedTest
    @EnumSource(value = FuzzRun.Fault.class, mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void aPlantedFaultIsFound(FuzzRun.Fault fault) {
        Finding found = search(1, Integer.MAX_VALUE, fault,
                TimeUnit.SECONDS.toNanos(CANARY_SECONDS));
        assertThat(found).as(fault + " within " + CANARY_SECONDS + " s").isNotNull();
    }

    /// A program that failed, and how.
    private record Finding(long seed, List<FuzzOp> program, Throwable why) {
        String text() {
            StringBuilder out = new StringBuilder();
            program.forEach(op -> out.append("  ").append(op).append('\n'));
            return out.toString();
        }
    }

    /// Runs programs until one fails, the number is reached or the time is over.
    private static @Nullable Finding search(long from, int most, FuzzRun.Fault fault,
            long nanos) {
        long started = System.nanoTime();
        for (int i = 0; i < most; i++) {
            if (System.nanoTime() - started > nanos) {
                return null;
            }
            long seed = from + i;
            int length = new SplittableRandom(~seed).nextInt(SHORTEST, LONGEST);
            List<FuzzOp> program = FuzzOp.program(seed, length);
            Throwable why = failure(program, fault);
            if (why != null) {
                return fault == FuzzRun.Fault.NONE ? shortened(seed, program, why)
                        : new Finding(seed, program, why);
            }
        }
        return null;
    }

    private static @Nullable Throwable failure(List<FuzzOp> program, FuzzRun.Fault fault) {
        try (FuzzRun run = new FuzzRun(fault)) {
            run.run(program);
            return null;
        } catch (Throwable t) {
            return t;
        }
    }

    /// Leaves out ever smaller pieces as long as the rest fails.
    private static Finding shortened(long seed, List<FuzzOp> program, Throwable why) {
        Finding best = new Finding(seed, program, why);
        int tries = 0;
        for (int piece = program.size() / 2; piece > 0; piece /= 2) {
            for (int at = 0; at < best.program.size() && tries < SHRINKING; ) {
                tries++;
                List<FuzzOp> less = new ArrayList<>(best.program);
                less.subList(at, Math.min(at + piece, less.size())).clear();
                Throwable still = failure(less, FuzzRun.Fault.NONE);
                if (still == null) {
                    at += piece;
                } else {
                    best = new Finding(seed, less, still);
                }
            }
        }
        return best;
    }
}
