package dev.polder.os;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class MembarrierTest {
    @Test
    void runsExactlyWhereItIsAvailable() {
        assertThat(Membarrier.everywhere()).isEqualTo(Membarrier.available());
        assertThat(Membarrier.everywhere()).isEqualTo(Membarrier.available());
        if (!LinuxMemory.supported()) {
            assertThat(Membarrier.available()).isFalse();
        }
    }
}
