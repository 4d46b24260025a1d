package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// Which mode the tests around this one run in: the build runs them in both.
@EnabledOnOs(OS.LINUX)
class ModeTest {
    private static final boolean FORCED = Boolean.getBoolean("dev.polder.portable");

    @Test
    void aPoolIsInTheModeThatTheBuildAskedFor() {
        try (Polder pool = Polder.open(PolderConfig.builder().name("mode").build())) {
            assertThat(pool.memInfo().mode()).isEqualTo(FORCED ? "portable" : "linux");
            assertThat(pool.showMem()).contains("mode " + pool.memInfo().mode());
            assertThat(pool.pages().memory().canRemap()).isEqualTo(!FORCED);
        }
    }

    @Test
    void portableAreasAreContiguousAndEndAtTheLargestRun() {
        try (Polder pool = Polder.open(
                PolderConfig.builder().name("portable").portable(true).build())) {
            assertThat(pool.memInfo().mode()).isEqualTo("portable");
            MemorySegment s = pool.allocate(4 << 20, Gfp.KERNEL);
            pool.free(s);
            assertThat(pool.tryAllocate((4 << 20) + 1, Gfp.KERNEL | Gfp.NOWARN)).isNull();
            pool.verify();
        }
    }
}
