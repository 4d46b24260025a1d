package dev.polder.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TruthTest {

    @ParameterizedTest
    @CsvSource({
        "exhaustion.csv, 36", "gfp-context.csv, 1444", "injected-failures.csv, 8420",
        "kvmalloc-decision.csv, 1716", "lockdep.csv, 29", "masks.csv, 59",
        "page-requests.csv, 5642", "scope-tokens.csv, 116"
    })
    void everyRecordingIsWhole(String file, int rows) {
        assertThat(Truth.rows(file)).hasSize(rows);
        assertThat(Truth.FILES).contains(file).hasSize(8);
    }

    @Test
    void fieldsKeepTheirColumnsOrder() {
        TruthRow row = Truth.rows("masks.csv").get(2);

        assertThat(row).containsEntry("name", "__GFP_HIGH").containsEntry("allow_blocking", "0");
        assertThat(row.keySet()).containsExactly("kind", "name", "names_pGg", "allow_blocking");
    }

    @Test
    void quotedFieldsMayHoldCommasQuotesAndLineEnds() {
        List<TruthRow> rows = Csv.rows("f", "a,b\r\n\"x,\"\"y\"\"\nz\",\nlast,\"\"");

        assertThat(rows).hasSize(2);
        assertThat(rows.get(0)).isEqualTo(Map.of("a", "x,\"y\"\nz", "b", ""));
        assertThat(rows.get(1)).isEqualTo(Map.of("a", "last", "b", ""));
    }

    @Test
    void aColumnThatDoesNotExistIsNoNull() {
        assertThatThrownBy(() -> Truth.rows("masks.csv").get(0).get("nmae"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no column nmae among [kind, name,");
    }

    @Test
    void malformedTextIsRefused() {
        assertThatThrownBy(() -> Csv.rows("f", "a,b\n1\n"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("f, record 1: 1 fields where the header has 2");
        assertThatThrownBy(() -> Csv.rows("f", "a\n\"1\n"))
                .hasMessageContaining("inside a quoted field");
        assertThatThrownBy(() -> Csv.rows("f", "")).hasMessageContaining("no header");
        assertThatThrownBy(() -> Truth.rows("none.csv")).hasMessageContaining("none.csv");
    }
}
