package dev.polder.cli.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TraceTest {

    @Test
    void theSameSeedGivesTheSameOperations() {
        Trace one = TraceGenerator.generate(7, 500, 1);
        assertThat(TraceGenerator.generate(7, 500, 1).hash()).isEqualTo(one.hash());
        assertThat(TraceGenerator.generate(8, 500, 1).hash()).isNotEqualTo(one.hash());
        assertThat(TraceGenerator.generate(7, 501, 1).hash()).isNotEqualTo(one.hash());
    }

    @Test
    void theTraceOfASeedNeverChanges() {
        // Recorded: a figure of an old run can be compared only while the seed means the same.
        assertThat(TraceGenerator.generate(1, 1000, 1).hash()).isEqualTo("3b8bc85d77d62eb1");
    }

    @Test
    void survivesItsFile(@TempDir Path dir) throws IOException {
        Trace trace = TraceGenerator.generate(3, 100, 0.5);
        trace.write(dir.resolve("trace"));
        Trace again = Trace.read(dir.resolve("trace"));
        assertThat(again.hash()).isEqualTo(trace.hash());
        assertThat(again.seed()).isEqualTo(3);
        assertThat(again.texts()).isEqualTo(100);
        assertThat(again.size()).isEqualTo(trace.size());
    }

    @Test
    void refusesAForeignFile(@TempDir Path dir) throws IOException {
        Path file = Files.write(dir.resolve("x"), new byte[100]);
        assertThatThrownBy(() -> Trace.read(file)).isInstanceOf(IOException.class)
                .hasMessageContaining("not a trace");
    }

    @Test
    void whoIsIdleIsNotAskedForAnything() {
        Trace trace = TraceGenerator.generate(1, 300, 1);
        assertThat(ops(trace, Phase.TEXTS_WRITE)).containsExactlyInAnyOrder(Op.UPDATE, Op.READ,
                Op.RENDER);
        assertThat(ops(trace, Phase.INDEX_REBUILD)).containsExactlyInAnyOrder(Op.MERGE, Op.SEARCH,
                Op.RENDER);
        assertThat(ops(trace, Phase.BOTH_WRITE)).isEqualTo(EnumSet.allOf(Op.class));
        assertThat(ops(trace, Phase.READS_ONLY)).containsExactlyInAnyOrder(Op.READ, Op.SEARCH,
                Op.RENDER);
    }

    @Test
    void packsAndUnpacks() {
        for (Op op : Op.values()) {
            long packed = op.pack((1 << 24) - 1, Integer.MAX_VALUE);
            assertThat(Op.of(packed)).isEqualTo(op);
            assertThat(Op.detail(packed)).isEqualTo((1 << 24) - 1);
            assertThat(Op.text(packed)).isEqualTo(Integer.MAX_VALUE);
        }
    }

    @Test
    void fewTextsAreAskedForOftenAndManySeldom() {
        long[] requests = TraceGenerator.generate(1, 1000, 20)
                .ops(Phase.READS_ONLY, Actor.CLIENT_1);
        long[] counts = new long[1000];
        for (long op : requests) {
            counts[Op.text(op)]++;
        }
        Arrays.sort(counts);
        long popular = Arrays.stream(counts, 900, 1000).sum();
        assertThat(popular).isBetween(requests.length * 4L / 10, requests.length * 7L / 10);
        assertThat(Arrays.stream(counts).filter(c -> c > 0).count()).isGreaterThan(800);
    }

    private static Set<Op> ops(Trace trace, Phase phase) {
        return Arrays.stream(Actor.values())
                .flatMap(a -> Arrays.stream(trace.ops(phase, a)).boxed())
                .map(Op::of).collect(Collectors.toCollection(() -> EnumSet.noneOf(Op.class)));
    }
}
