package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.os.ChildJvm;
import dev.polder.os.PoolMemory;
import dev.polder.task.Task;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// The limits that the system sets, in child processes: one that went too far would take its JVM
/// with it.
@EnabledOnOs(OS.LINUX)
class MappingLimitTest {
    /// Less than the share of any machine, which on some would take gigabytes to use up.
    private static final String MAPPINGS = "-Ddev.polder.mappings=12000";

    @Test
    void fourThreadsUseUpTheMappingsAndTheJvmLivesOn() {
        ChildJvm.Result r = ChildJvm.run(new ChildJvm.Limits("64m", 0), List.of(MAPPINGS),
                MappingHog.class, List.of(PoolMemory.class, Task.class));
        assertThat(r.output())
                .contains("4 threads were refused")
                .contains("no mapping left: ")
                .contains(" are used, and as the free blocks lie this needs 65")
                .contains("raise vm.max_map_count")
                .containsPattern("mapped as often as paid for: \\d+ of 12000\n")
                .contains("freed and taken again at the limit")
                .contains("nothing left behind");
        assertThat(r.exitCode()).isZero();
    }

    @Test
    void whereAddressesAreLimitedOpeningSaysSoAndTheJvmLivesOn() {
        ChildJvm.Result r = ChildJvm.run(new ChildJvm.Limits("64m", 6 << 20), AddressHog.class,
                List.of(PoolMemory.class, Task.class));
        assertThat(r.output()).contains("refused: mmap failed: ENOMEM").contains("then opened");
        assertThat(r.exitCode()).isZero();
    }

    /// Opens a pool for which there are no addresses, then one for which there are.
    static final class AddressHog {
        private AddressHog() {}

        public static void main(String[] args) {
            try {
                Polder.open(PolderConfig.builder().budget(2L << 30).build()).close();
            } catch (IllegalStateException e) {
                System.out.println("refused: " + e.getMessage());
            }
            Polder.open(PolderConfig.builder().budget(64L << 20).build()).close();
            System.out.println("then opened");
        }
    }
}
