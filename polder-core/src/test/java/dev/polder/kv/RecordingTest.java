package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.kv.Recording.Deviation;
import dev.polder.kv.Recording.Line;
import dev.polder.testkit.LeftOut;
import dev.polder.testkit.Truth;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// That no row of a recording is forgotten: each is in one of the lists that the tests compare, or
/// left out with its reason, and what a rule changes is listed.
final class RecordingTest {
    private static final List<String> FILES =
            List.of(Recording.REQUESTS, Recording.DECISIONS, Recording.INJECTED);

    @Test
    void eachRowIsInOneListOrLeftOut() {
        List<String> compared = Stream.of(Recording.requests(), Recording.pages(),
                        Recording.objects(), Recording.decisions(), Recording.injected(),
                        Recording.failedPages(), Recording.failedObjects(),
                        Recording.failedTables())
                .flatMap(List::stream).filter(l -> Recording.leftOut(l).isEmpty())
                .map(Line::key).toList();
        assertThat(compared).doesNotHaveDuplicates();
        List<String> all = new ArrayList<>(compared);
        int recorded = 0;
        for (String file : FILES) {
            recorded += Truth.rows(file).size();
            Recording.lines(file).stream().filter(l -> !Recording.leftOut(l).isEmpty())
                    .map(Line::key).forEach(all::add);
        }
        assertThat(all).doesNotHaveDuplicates();
        assertThat(all.size()).isEqualTo(recorded);
    }

    @Test
    void whatIsLeftOutStandsInTheListWithItsCount() {
        Map<String, Integer> counted = new TreeMap<>();
        for (String file : FILES) {
            for (Line l : Recording.lines(file)) {
                String reason = Recording.leftOut(l);
                if (!reason.isEmpty()) {
                    counted.merge(file + ": " + reason, 1, Integer::sum);
                }
            }
        }
        Map<String, Integer> listed = new TreeMap<>();
        for (LeftOut o : LeftOut.here()) {
            if (FILES.contains(o.file()) && o.column().isEmpty()) {
                listed.put(o.file() + ": " + o.reason(), o.rows());
            }
        }
        assertThat(listed).isEqualTo(counted);
    }

    @Test
    void theColumnThatIsLeftOutStandsInTheListToo() {
        assertThat(LeftOut.here()).filteredOn(o -> !o.column().isEmpty()).singleElement()
                .satisfies(o -> {
                    assertThat(o.file()).isEqualTo(Recording.DECISIONS);
                    assertThat((long) o.rows()).isEqualTo(Recording.decisions().stream()
                            .filter(l -> l.get(o.column()).contains("__GFP_HIGHMEM")).count());
                });
    }

    @Test
    void exactlyTheRowsThatARuleChangesStandInTheList() throws IOException {
        Map<String, Deviation> deviations = Recording.deviations();
        try (InputStream in = Objects.requireNonNull(
                getClass().getResourceAsStream("/deviations.csv"))) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            assertThat(text.lines().toList()).isEqualTo(Recording.csv().lines().toList());
        }
        assertThat(deviations.values()).extracting(Deviation::rule)
                .containsOnly("H4", "H5", "H16", "I2", "I3");
    }
}
