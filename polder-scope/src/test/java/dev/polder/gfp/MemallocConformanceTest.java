package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.task.Task;
import dev.polder.testkit.Row;
import dev.polder.testkit.Truth;
import dev.polder.testkit.TruthRow;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({CleanScopes.class, HeardEvents.class})
class MemallocConformanceTest {
    private static final String[] RECORDED_ELSEWHERE = {"__GFP_HIGHMEM", "__GFP_COMP"};

    static int mask(String names) {
        List<String> kept = new ArrayList<>(List.of(names.split("\\|", -1)));
        kept.removeAll(List.of(RECORDED_ELSEWHERE));
        return Gfp.parse(String.join("|", kept));
    }

    @TestFactory
    @Row({"B1", "B2", "B3", "B4"})
    Stream<DynamicTest> tokensAreAsRecorded() {
        Map<String, List<TruthRow>> programs = new LinkedHashMap<>();
        Truth.rows("scope-tokens.csv").forEach(row ->
                programs.computeIfAbsent(row.get("prog"), p -> new ArrayList<>()).add(row));
        return programs.entrySet().stream().map(p -> DynamicTest.dynamicTest(p.getKey(), () ->
                Threads.on(() -> checkSteps(p.getKey(), p.getValue()))));
    }

    private static int checkSteps(String text, List<TruthRow> steps) {
        ScopeProgram program = new ScopeProgram(text);
        Task task = Task.current();
        for (TruthRow step : steps) {
            String where = text + " step " + step.get("step");
            assertThat(ScopeProgram.flagNames(task.flags()))
                    .as(where).isEqualTo(step.get("pf_before"));
            int token = program.step();
            task.verify();
            assertThat(ScopeProgram.flagNames(token)).as(where).isEqualTo(step.get("token"));
            assertThat(ScopeProgram.flagNames(task.flags()))
                    .as(where).isEqualTo(step.get("pf_after"));
        }
        assertThat(program.hasNext()).isFalse();
        return task.flags();
    }

    @TestFactory
    @Row({"B5", "B6", "B7"})
    Stream<DynamicTest> masksAreNarrowedAsRecorded() {
        Map<String, List<TruthRow>> programs = new LinkedHashMap<>();
        Truth.rows("gfp-context.csv").forEach(row ->
                programs.computeIfAbsent(row.get("prog"), p -> new ArrayList<>()).add(row));
        return programs.entrySet().stream().map(p -> DynamicTest.dynamicTest(
                "'" + p.getKey() + "'",
                () -> Threads.on(() -> checkMasks(p.getKey(), p.getValue()))));
    }

    private static int checkMasks(String text, List<TruthRow> rows) {
        ScopeProgram.run(text);
        for (TruthRow row : rows) {
            int in = mask(row.get("mask"));
            assertThat(in).as("%s", row).isEqualTo(mask(row.get("in_names")));
            assertThat(ScopeProgram.flagNames(Task.current().flags()))
                    .isEqualTo(row.get("pf_flags"));
            assertThat(Memalloc.effective(in)).as("%s", row).isEqualTo(mask(row.get("out_names")));
        }
        return rows.size();
    }

    @Test
    @Row({"B6", "B17"})
    void aScopeTakesAwayIoAndFsAndNothingElse() {
        for (int flags = 0; flags < 8; flags++) {
            int token = Task.current().saveFlags(flags);
            try {
                int may = (flags & Task.NOIO) != 0 ? Gfp.IO | Gfp.FS
                        : (flags & Task.NOFS) != 0 ? Gfp.FS : 0;
                GfpConformanceTest.forEveryMask(mask ->
                        assertThat(Memalloc.effective(mask)).isEqualTo(mask & ~may));
            } finally {
                Task.current().restoreFlags(token);
            }
        }
    }

    @Test
    @Row("B7")
    void maskAndScopeIntersectInAnyOrder() {
        int nofs = Memalloc.nofsSave();
        assertThat(Memalloc.effective(Gfp.NOIO)).isEqualTo(Gfp.NOIO);
        int noio = Memalloc.noioSave();
        assertThat(Memalloc.effective(Gfp.KERNEL)).isEqualTo(Gfp.NOIO);
        int once = Memalloc.effective(Gfp.KERNEL | Gfp.ZERO);
        assertThat(Memalloc.effective(once)).as("narrowing again changes nothing").isEqualTo(once);
        Memalloc.noioRestore(noio);
        Memalloc.nofsRestore(nofs);
    }

    @Test
    @Row("B8")
    void noreclaimDoesNotEditTheMask() {
        int token = Memalloc.noreclaimSave();
        GfpConformanceTest.forEveryMask(mask ->
                assertThat(Memalloc.effective(mask)).isEqualTo(mask));
        assertThat(Task.current().flags()).isEqualTo(Task.NORECLAIM);
        Memalloc.noreclaimRestore(token);
    }

    @Test
    @Row("B12")
    void scopesMayBeOpenedOnAnyThread() throws Exception {
        for (boolean virtual : new boolean[] {false, true}) {
            if (virtual && Runtime.version().feature() < 21) {
                continue;
            }
            assertThat(Threads.on(virtual, () -> {
                int noio = Memalloc.noioSave();
                int effective = Memalloc.effective(Gfp.KERNEL);
                Memalloc.noioRestore(noio);
                return effective;
            })).isEqualTo(Gfp.NOIO);
        }
    }

    @Test
    @Row("B13")
    void scopesStayWithTheirThread() throws Exception {
        int token = Memalloc.noioSave();
        assertThat(Threads.on(() -> Memalloc.effective(Gfp.KERNEL)))
                .as("a thread started inside a scope is not inside it").isEqualTo(Gfp.KERNEL);
        assertThat(Memalloc.effective(Gfp.KERNEL)).isEqualTo(Gfp.NOIO);
        Memalloc.noioRestore(token);
    }
}
