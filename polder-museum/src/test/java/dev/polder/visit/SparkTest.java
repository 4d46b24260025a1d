package dev.polder.visit;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Spark's own classes, on one thread: the inversion that hung executors is found in the release
/// that had it and not in the one that mended it.
class SparkTest {
    /// `TaskMemoryManager` and the sorter's iterator: SPARK-39283.
    private static final String SORTER = "48eac6de";

    /// `TaskMemoryManager` and the map's iterator: SPARK-26265's kind.
    private static final String MAP = "b0ab23e3";

    private static final String MANAGER = "\"class\":\"org.apache.spark.memory.TaskMemoryManager\"";

    @TempDir
    Path folder;

    private Visit.Outcome spark(String exhibit, String agent, String... acts) {
        Visit.Outcome outcome = new Visit(new Exhibit(exhibit), folder)
                .option("--add-opens=java.base/sun.nio.ch=ALL-UNNAMED")
                .withAgent(agent)
                .driver("SparkDriver", acts);
        assertThat(outcome.exitCode()).as(outcome.output()).isZero();
        assertThat(outcome.report()).doesNotContain("engine failed", "could not be instrumented",
                "never matched");
        return outcome;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void everyRunOverTheFaultyReleaseFindsBoth(int run) {
        Visit.Outcome outcome = spark(
                "spark-3", "rules=spark,include=org.apache.spark", "forced", "short");
        assertThat(outcome.ids()).as("run %d", run).containsExactly(SORTER, MAP);
        assertThat(outcome.finding(SORTER)).contains("\"instances\":\"SAME\"", MANAGER,
                "UnsafeExternalSorter$SpillableIterator", "SpillableIterator.spill:");
        assertThat(outcome.finding(MAP)).contains("\"instances\":\"SAME\"", MANAGER,
                "BytesToBytesMap$MapIterator", "MapIterator.spill:");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "rules=spark,"})
    void theMendedReleaseKeepsOnlyWhatItDidNotMend(String rules) {
        Visit.Outcome outcome = spark(
                "spark-4", rules + "include=org.apache.spark", "forced", "short");
        assertThat(outcome.ids()).isEqualTo(List.of(MAP));
        assertThat(outcome.finding(MAP)).contains("\"instances\":\"SAME\"");
    }

    /// The canary: the same programs, whose callbacks nobody forces, show one half of the cycle.
    @ParameterizedTest
    @ValueSource(strings = {"spark-3", "spark-4"})
    void withoutForcedReclaimNothingIsFound(String exhibit) {
        assertThat(spark(exhibit, "rules=spark,include=org.apache.spark", "short").ids()).isEmpty();
    }
}
