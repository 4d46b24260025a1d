package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.debug.Sampling;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.os.ChildJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Settings that cannot be meant are refused where they are made, or said to be ignored.
final class WrongSettingTest {
    private static final List<Class<?>> CLASSES =
            List.of(Polder.class, Gfp.class, Nullable.class);

    @ParameterizedTest
    @ValueSource(strings = {"dev.polder.debug=ture", "dev.polder.debug=", "dev.polder.sampling=abc",
        "dev.polder.sampling=-5", "dev.polder.portable=yes"})
    void aPropertyThatCannotBeUnderstoodIsRefused(String setting) {
        ChildJvm.Result r = ChildJvm.run(List.of("-D" + setting), Opener.class, CLASSES);
        assertThat(r.exitCode()).isEqualTo(1);
        int at = setting.indexOf('=');
        assertThat(r.output()).contains("IllegalArgumentException: the system property "
                + setting.substring(0, at) + " must be ",
                "not '" + setting.substring(at + 1) + "'");
    }

    @Test
    void propertiesThatAreUnderstoodHold() {
        ChildJvm.Result r = ChildJvm.run(List.of("-Ddev.polder.portable=true",
                "-Ddev.polder.sampling=100", "-Ddev.polder.debug=FALSE"), Opener.class, CLASSES);
        assertThat(r.output()).isEqualTo("portable 100 false");
    }

    /// The child.
    static final class Opener {
        public static void main(String[] args) {
            PolderConfig config = PolderConfig.builder().build();
            try (Polder pool = Polder.open(config)) {
                System.out.print(pool.memInfo().mode() + " "
                        + config.sampling().intervalNanos() / 1_000_000 + " "
                        + config.debug().on());
            }
        }
    }

    @Test
    void aPlaceThatMeansNothingIsToldAndStopsNobody() {
        assertThat(scopes("alll")).contains("dev.polder.scope.places is 'alll'",
                "all, sampled or off");
        assertThat(scopes("all")).isEmpty();
    }

    private static String scopes(String places) {
        ChildJvm.Result r = ChildJvm.run(List.of("-Ddev.polder.scope.places=" + places),
                Scoper.class, CLASSES);
        assertThat(r.exitCode()).isZero();
        return r.output();
    }

    /// The child.
    static final class Scoper {
        public static void main(String[] args) {
            MemallocScope.noFs("a scope by its reason alone").close();
        }
    }

    @Tag("remapping")
    @Test
    void aHeapTooSmallForTheTablesIsToldAndNothingStaysMapped() {
        ChildJvm.Result r = ChildJvm.run(new ChildJvm.Limits("24m", 0), TooLarge.class, CLASSES);
        assertThat(r.exitCode()).as(r.output()).isZero();
        assertThat(r.output()).contains("refused 40, mapped 0");
    }

    /// The child: budgets whose tables are larger than the heap, and about as large.
    static final class TooLarge {
        public static void main(String[] args) throws IOException {
            List<String> texts = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                try {
                    Polder.open(PolderConfig.builder().name("large")
                            .budget(i % 2 == 0 ? 5L << 30 : 3600L << 20).build());
                } catch (IllegalStateException e) {
                    texts.add(String.valueOf(e.getMessage()));
                }
            }
            long told = texts.stream().filter(t -> t.contains("pool 'large'")
                    && t.contains("of the Java heap for its tables")).count();
            long mapped = Files.readAllLines(Path.of("/proc/self/maps")).stream()
                    .filter(line -> line.contains("polder")).count();
            System.out.println("refused " + told + ", mapped " + mapped);
        }
    }

    @Test
    void aDeadlineBeyondTheClockIsRefused() {
        assertThatThrownBy(() ->
                PolderConfig.builder().allocationDeadline(Duration.ofDays(365_000)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("36500 days").hasMessageContaining("PolderConfig.NONE");
        Polder.open(PolderConfig.builder().allocationDeadline(PolderConfig.MAX_DEADLINE).build())
                .close();
        assertThatThrownBy(() -> Sampling.each(Duration.ofDays(365_000)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("Sampling.OFF");
    }

    @Test
    void aNameThatBreaksLinesIsRefused() {
        assertThatThrownBy(() -> PolderConfig.builder().name("a\nb"))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("'a?b'");
    }
}
