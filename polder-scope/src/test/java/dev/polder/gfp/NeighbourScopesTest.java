package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.task.Task;
import dev.polder.testkit.Row;
import dev.polder.testkit.Truth;
import dev.polder.testkit.TruthRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Programs of scopes and masks beside the recorded ones. What the rows expect of them is a pure
/// function, which must agree with every recording, and the real thing with it.
@ExtendWith({CleanScopes.class, HeardEvents.class})
@Row({"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8"})
class NeighbourScopesTest {
    private static final int PROGRAMS = 3_000;
    /// Tokens are numbered by one digit.
    private static final int MOST_TOKENS = 10;
    private static final int STEPS = 16;
    private static final int ANY = Gfp.KERNEL_ACCOUNT | Gfp.ATOMIC | Gfp.ZERO | Gfp.NOFAIL;

    @Test
    void theRulesAgreeWithEveryRecordedToken() {
        ScopeRules rules = new ScopeRules();
        int compared = 0;
        for (TruthRow row : Truth.rows("scope-tokens.csv")) {
            if (row.get("step").equals("0")) {
                rules = new ScopeRules();
            }
            String where = row.values().toString();
            assertThat(ScopeProgram.flagNames(rules.flags())).as(where)
                    .isEqualTo(row.get("pf_before"));
            char op = row.get("op").charAt(0);
            int token = Character.isUpperCase(op) ? rules.save(op)
                    : rules.restore(Integer.parseInt(row.get("token_index")));
            assertThat(ScopeProgram.flagNames(token)).as(where).isEqualTo(row.get("token"));
            assertThat(ScopeProgram.flagNames(rules.flags())).as(where)
                    .isEqualTo(row.get("pf_after"));
            compared++;
        }
        assertThat(compared).isGreaterThan(100);
    }

    @Test
    void theRulesAgreeWithEveryRecordedMask() {
        int compared = 0;
        for (TruthRow row : Truth.rows("gfp-context.csv")) {
            ScopeRules rules = new ScopeRules();
            run(rules, row.get("prog"));
            assertThat(ScopeProgram.flagNames(rules.flags())).as("%s", row.values())
                    .isEqualTo(row.get("pf_flags"));
            assertThat(rules.effective(MemallocConformanceTest.mask(row.get("in_names"))))
                    .as("%s", row.values())
                    .isEqualTo(MemallocConformanceTest.mask(row.get("out_names")));
            compared++;
        }
        assertThat(compared).isGreaterThan(1_400);
    }

    private static void run(ScopeRules rules, String program) {
        for (int i = 0; i < program.length(); i++) {
            char op = program.charAt(i);
            if (Character.isUpperCase(op)) {
                rules.save(op);
            } else {
                rules.restore(program.charAt(++i) - '0');
            }
        }
    }

    @Test
    void theRealThingAgreesWithTheRulesBesideTheRecordings() throws Exception {
        long seed = new Random().nextLong();
        assertThat(Threads.on(() -> disagreements(seed, ScopeRules::new)))
                .as("seed %d", seed).isEmpty();
    }

    /// The canary: tokens as they were before 6.9, the bit's former value.
    @Test
    void tokensOfOldAreNoticed() throws Exception {
        assertThat(Threads.on(() -> disagreements(1, () -> new ScopeRules() {
            @Override
            int token(int flags, int bit) {
                return bit & flags;
            }
        }))).isNotEmpty();
    }

    /// Programs after which the real thing is not where the rules are; the first of them.
    private static List<String> disagreements(long seed, Supplier<ScopeRules> rules) {
        Random random = new Random(seed);
        List<String> found = new ArrayList<>();
        for (int i = 0; i < PROGRAMS && found.isEmpty(); i++) {
            ScopeRules expected = rules.get();
            String text = program(random, 1 + random.nextInt(STEPS));
            ScopeProgram real = new ScopeProgram(text);
            run(expected, text);
            while (real.hasNext()) {
                real.step();
                Task.current().verify();
            }
            int mask = (random.nextInt() & ANY) | (random.nextBoolean() ? Gfp.KERNEL : 0);
            if (Task.current().flags() != expected.flags()
                    || Memalloc.effective(mask) != expected.effective(mask)) {
                found.add("'" + text + "', " + Gfp.toString(mask) + ": "
                        + ScopeProgram.flagNames(Task.current().flags()) + " and not "
                        + ScopeProgram.flagNames(expected.flags()));
            }
            Memalloc.nofsRestore(Task.current().flags());
        }
        return found;
    }

    /// Saves of any family, and restores by any family of any token that was given.
    private static String program(Random random, int steps) {
        StringBuilder text = new StringBuilder();
        int tokens = 0;
        for (int i = 0; i < steps; i++) {
            if (tokens == 0 || (tokens < MOST_TOKENS && random.nextInt(3) > 0)) {
                text.append("FIR".charAt(random.nextInt(3)));
                tokens++;
            } else {
                text.append("nir".charAt(random.nextInt(3))).append(random.nextInt(tokens));
            }
        }
        return text.toString();
    }
}
