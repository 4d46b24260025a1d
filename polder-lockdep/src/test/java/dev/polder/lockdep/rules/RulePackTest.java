package dev.polder.lockdep.rules;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.lockdep.engine.ReclaimLevel;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The grammar, its errors, and the packs that come along.
class RulePackTest {
    @Test
    void everyFormIsRead() {
        List<Rule> rules = RulePack.parse("p", List.of(
                "# comment", "",
                "alloc a.B#c mask GFP_NOFS",
                "reclaim a.B$C#d(long,String[])",
                "wait a.B#e",
                "wait a.B#e for a name with blanks",
                "wakes a.B#f until a.G#h for memory of x",
                "nest a.B",
                "ignore a.B#*"));
        assertThat(rules).hasSize(7);
        assertThat(rules.get(0).level()).isEqualTo(ReclaimLevel.IO);
        assertThat(rules.get(1).fits("d", List.of("long", "String[]"))).isTrue();
        assertThat(rules.get(1).fits("d", List.of("long"))).isFalse();
        assertThat(rules.get(2).waitName()).isEqualTo("memory of a.B");
        assertThat(rules.get(3).waitName()).isEqualTo("a name with blanks");
        Rule until = rules.get(4).until();
        if (until == null) {
            throw new AssertionError("no end");
        }
        assertThat(until.method()).isEqualTo("h");
        assertThat(until.isEnd()).isTrue();
        assertThat(rules.get(6).fits("whatever", List.of())).isTrue();
        assertThat(rules.get(6).fits("<init>", List.of())).isFalse();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "allocate a.B#c           | 'allocate' is no rule",
        "alloc                    | 'alloc' needs a class#method",
        "alloc a.B                | 'a.B' is no class#method",
        "alloc a.B#c mask GFP_BIG | 'GFP_BIG' is no mask",
        "alloc a.B#c for x        | 'for' was not expected here",
        "wait a.B#c for           | 'for' needs a name",
        "wakes a.B#c until        | 'until' needs a class#method",
        "nest a.B#c               | 'a.B#c' is no class name",
        "reclaim a.B#c(long       | 'a.B#c(long' is no class#method"})
    void anErrorNamesTheLineAndTheWord(String line, String what) {
        assertThatThrownBy(() -> RulePack.parse("my.rules", List.of("", line)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("my.rules:2: ")
                .hasMessageContaining(what);
    }

    @Test
    void everyShippedPackIsRead() throws IOException {
        assertThat(RulePack.shipped()).contains("polder", "spark", "arrow", "netty", "caffeine",
                "flink", "cassandra");
        for (String name : RulePack.shipped()) {
            assertThat(RulePack.load(name)).as(name).isNotEmpty();
        }
    }

    @Test
    void anUnknownPackNamesTheKnown() {
        assertThatThrownBy(() -> RulePack.load("sparc"))
                .hasMessageContaining("no rule pack 'sparc'").hasMessageContaining("spark");
    }
}
