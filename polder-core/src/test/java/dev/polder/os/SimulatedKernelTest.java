package dev.polder.os;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The twin agrees with Linux step by step, and stands at limits to which Linux must not be driven
/// in the JVM of a build.
class SimulatedKernelTest {
    private static final long FRAMES = 1024;
    private static final int SPACE_FRAMES = 64;
    private static final long SPACE = Frames.bytes(SPACE_FRAMES);
    private static final int STEPS = 300;

    @EnabledOnOs(OS.LINUX)
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void answersAndMappingsAreThoseOfLinux(long seed) throws IOException {
        SimulatedKernel kernel = new SimulatedKernel(65_530, FRAMES);
        try (PoolMemory twin = kernel.open(FRAMES, SPACE, MappingBudget.of(9));
                PoolMemory linux = LinuxMemory.open(FRAMES, SPACE, MappingBudget.of(9))) {
            SplittableRandom random = new SplittableRandom(seed);
            for (int i = 0; i < STEPS; i++) {
                long step = random.nextLong();
                assertThat(step(step, twin)).as("step %d", i).isEqualTo(step(step, linux));
                assertThat(twin.residentBytes()).as("step %d", i).isEqualTo(linux.residentBytes());
                assertThat(shape(twin, kernel.within(twin.vmallocStart(), end(twin))))
                        .as("mappings after step %d", i)
                        .isEqualTo(shape(linux,
                                Mapping.within(linux.vmallocStart(), end(linux))));
            }
        }
    }

    private static long end(PoolMemory memory) {
        return memory.vmallocEnd() + Frames.SIZE;
    }

    /// One call, chosen by the seed.
    private static boolean step(long seed, PoolMemory memory) {
        SplittableRandom random = new SplittableRandom(seed);
        int at = random.nextInt(SPACE_FRAMES);
        int count = 1 + random.nextInt(SPACE_FRAMES - at);
        long address = memory.vmallocStart() + Frames.bytes(at);
        return switch (random.nextInt(5)) {
            case 0 -> memory.commit(random.nextInt((int) FRAMES - count), count);
            case 1 -> memory.giveBack(random.nextInt((int) FRAMES - count), count);
            case 2 -> memory.cover(address, Frames.bytes(count));
            // Few starting frames, so that neighbours continue each other and merge.
            default -> memory.map(address, at / 8 * 8 + (at & 1), count);
        };
    }

    /// What is mapped in vmalloc space, and where one mapping ends and the next begins. The last
    /// one holds the guard behind it, so its file is the empty one, whose offsets say nothing.
    private static List<String> shape(PoolMemory memory, List<Mapping> mappings) {
        String nothing = mappings.getLast().file();
        return mappings.stream().map(m -> (m.file().equals(nothing)
                ? "nothing" : "frames from " + m.offset() / Frames.SIZE) + " up to "
                + Math.min(SPACE_FRAMES, (m.to() - memory.vmallocStart()) / Frames.SIZE))
                .toList();
    }

    @Test
    void aMappingTooManyIsRefusedAndChangesNothing() {
        SimulatedKernel kernel = new SimulatedKernel(7, FRAMES);
        try (PoolMemory memory = kernel.open(FRAMES, SPACE, MappingBudget.of(100))) {
            long from = memory.vmallocStart();
            assertThat(memory.map(from + Frames.bytes(1), 0, 1)).isTrue();
            assertThat(memory.map(from + Frames.bytes(3), 0, 1)).isTrue();
            List<Mapping> before = kernel.within(0, Long.MAX_VALUE);
            assertThat(before).hasSize(7);
            assertThat(memory.map(from + Frames.bytes(5), 0, 1)).isFalse();
            assertThat(kernel.within(0, Long.MAX_VALUE)).isEqualTo(before);
            assertThat(memory.cover(from, SPACE)).as("room again").isTrue();
            assertThat(memory.map(from + Frames.bytes(5), 0, 1)).isTrue();
        }
    }

    @Test
    void aMachineWithoutPagesRefusesToCommit() {
        SimulatedKernel kernel = new SimulatedKernel(100, 16);
        try (PoolMemory memory = kernel.open(FRAMES, SPACE, MappingBudget.of(100))) {
            assertThat(memory.commit(0, 16)).isTrue();
            assertThat(memory.commit(0, 17)).isFalse();
            assertThat(memory.giveBack(0, 8)).isTrue();
            assertThat(memory.commit(16, 8)).isTrue();
            assertThat(memory.residentBytes()).isEqualTo(Frames.bytes(16));
        }
    }
}
