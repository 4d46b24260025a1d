package dev.polder.house;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.testkit.ConformanceList;
import dev.polder.testkit.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The list of rows and their tests. This module is the last to be built: all marks are there.
class ConformanceListTest {

    /// Rows that must have a test, those that do not apply left out: a mark that gets lost shows
    /// here.
    private static final String MUST = "A1-13 B1-17 C1-4 D2 D5 D6 D9 D16 D17 E9 E10 F1-9 F12"
            + " H1-5 H7 H9 H10 I1-5 J2-5";

    private static final String WRITE = "polder.conformance.write";

    private final Repository repository = Repository.here();
    private final ConformanceList list = ConformanceList.of(repository);

    @Test
    void everyMarkMeansSomething() {
        assertThat(list.problems()).isEmpty();
    }

    @Test
    void theDocumentIsUpToDate() throws IOException {
        Path document = repository.root().resolve("docs/conformance.md");
        if (Boolean.getBoolean(WRITE)) {
            Files.writeString(document, list.markdown());
        }

        assertThat(document)
                .as("run: mvn -B verify -D" + WRITE + "=true")
                .content().isEqualTo(list.markdown());
    }

    @Test
    void theRowsOfTheFirstWholeHaveTests() {
        List<String> must = rows(MUST).filter(list.applicable()::contains).toList();

        assertThat(must).hasSize(67);
        assertThat(list.tested()).containsAll(must);
    }

    /// The ids that a text such as `A1-3 B2` stands for.
    private static Stream<String> rows(String text) {
        return Arrays.stream(text.split(" ", -1)).flatMap(range -> {
            String letter = range.substring(0, 1);
            String[] ends = range.substring(1).split("-", -1);
            return IntStream.rangeClosed(
                    Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1]))
                    .mapToObj(n -> letter + n);
        });
    }
}
