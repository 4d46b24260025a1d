package dev.polder.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.model.Outcome.Result;
import dev.polder.model.Program.Consumer;
import dev.polder.model.Program.Scope;
import dev.polder.model.Program.Source;
import dev.polder.model.Program.Step;
import dev.polder.testkit.Row;
import dev.polder.testkit.Truth;
import dev.polder.testkit.TruthRow;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Memory run dry: the model ends as every recording did, and beside the recorded masks, scopes and
/// orders the real thing ends as the model does.
@Row({"D9", "D10", "D16", "D18", "D20"})
final class ExhaustionModelTest {
    private static final List<String> PROGRAMS = List.of("", "F", "I", "R", "IF", "RF", "E");
    private static final int[] MASKS = {Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO, Gfp.ATOMIC, 0,
        Gfp.FS | Gfp.RECLAIM, Gfp.KERNEL | Gfp.HIGH, Gfp.KERNEL | Gfp.NOMEMALLOC | Gfp.MEMALLOC,
        Gfp.NOIO | Gfp.NOFAIL, Gfp.NOFS | Gfp.NORETRY, Gfp.KERNEL | Gfp.NOFAIL | Gfp.NORETRY,
        Gfp.NOIO | Gfp.RETRY_MAYFAIL, Gfp.ATOMIC | Gfp.NOMEMALLOC, Gfp.NOWAIT | Gfp.MEMALLOC};
    private static final int[] ORDERS = {0, 1, 3, 4};
    /// More requests than there are frames in all reserves.
    private static final int REQUESTS = 120;

    @BeforeEach
    void quiet() {
        PolderEvents.listen(new PolderEvents() { });
    }

    @AfterEach
    void loud() throws InterruptedException {
        PolderEvents.awaitDelivered(20, TimeUnit.SECONDS);
        PolderEvents.listen(null);
    }

    /// All frames are taken down to the marks by a consumer that cannot give them, then one request
    /// follows another inside the scopes.
    private static Program exhaust(String scopes, int order, int gfp) {
        List<Step> steps = new ArrayList<>(List.of(new Step.Hold(7),
                new Step.Grow(0, RealPool.FRAMES, Gfp.NOWAIT)));
        for (int i = 0; i < scopes.length(); i++) {
            steps.add(new Step.Open(switch (scopes.charAt(i)) {
                case 'F' -> Scope.NOFS;
                case 'I' -> Scope.NOIO;
                case 'R' -> Scope.NORECLAIM;
                default -> Scope.EXCLUDING;
            }, 0));
        }
        for (int i = 0; i < REQUESTS; i++) {
            steps.add(new Step.Alloc(order, gfp));
        }
        return new Program(0, List.of(new Consumer(Temper.STUBBORN, -1, 2, 128,
                Source.PAGES, 0, false)), steps);
    }

    /// How the first request ended that got nothing; both must agree on all before.
    private static Result end(Compare compare, Program program) {
        List<Compare.Seen> seen = compare.run(program);
        assertThat(Compare.difference(program, seen)).isEmpty();
        return seen.stream().map(s -> s.outcome().result())
                .filter(r -> r == Result.WAITS || r == Result.FAILED)
                .skip(1).findFirst().orElse(Result.GOT);
    }

    @Test
    void everyRecordedVerdict() {
        int compared = 0;
        try (Compare compare = new Compare()) {
            for (TruthRow row : Truth.rows("exhaustion.csv")) {
                if (row.get("phase").equals("to-the-end")) {
                    String mask = row.get("mask");
                    String verdict = row.get("verdict");
                    // With only the root there is nobody to fail.
                    boolean waits = verdict.startsWith("stuck")
                            || (verdict.equals("oom-kill") && mask.contains("NOFAIL"));
                    Program program = exhaust(row.get("prog"),
                            Integer.parseInt(row.get("order")), Gfp.parse(mask));
                    assertThat(end(compare, program)).as("%s", row.values())
                            .isEqualTo(waits ? Result.WAITS : Result.FAILED);
                    compared++;
                }
            }
        }
        assertThat(compared).isGreaterThan(15);
    }

    @Test
    void besideTheRecordedOnes() {
        try (Compare compare = new Compare()) {
            for (String scopes : PROGRAMS) {
                for (int gfp : MASKS) {
                    for (int order : ORDERS) {
                        assertThat(end(compare, exhaust(scopes, order, gfp)))
                                .as("%s in '%s', order %s", Gfp.toString(gfp), scopes, order)
                                .isNotEqualTo(Result.GOT);
                    }
                }
            }
        }
    }
}
