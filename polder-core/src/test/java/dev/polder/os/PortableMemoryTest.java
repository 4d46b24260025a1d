package dev.polder.os;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class PortableMemoryTest {
    private final MappingBudget budget = MappingBudget.of(0);

    @Test
    void framesWorkAndVmallocSpaceIsEmpty() {
        try (PoolMemory m = PoolMemory.open(1024, 1 << 20, true, budget)) {
            assertThat(m.mode()).isEqualTo("portable");
            assertThat(m.canRemap()).isFalse();
            assertThat(m.base() % (4 << 20)).isZero();
            assertThat(m.vmallocStart()).isEqualTo(m.vmallocEnd());
            assertThat(m.zeroSentinel()).isGreaterThanOrEqualTo(m.base() + 1024 * 4096);
            assertThat(m.zeroSentinel()).isLessThan(m.base() + m.segment().byteSize());
            m.segment().set(JAVA_LONG_UNALIGNED, 1023 * 4096 + 4088, 5);
            m.zero(m.base() + 1023 * 4096, 4096);
            assertThat(m.segment().get(JAVA_LONG_UNALIGNED, 1023 * 4096 + 4088)).isZero();
            assertThatThrownBy(() -> m.map(m.vmallocStart(), 0, 1))
                    .isInstanceOf(UnsupportedOperationException.class);
        }
    }

    @Test
    void residentBytesFollowCommitAndGiveBack() {
        PoolMemory m = PoolMemory.open(2048, 0, true, budget);
        assertThat(m.residentBytes()).isZero();
        assertThat(m.commit(0, 1024)).isTrue();
        assertThat(m.commit(512, 512)).isTrue();
        assertThat(m.residentBytes()).isEqualTo(4 << 20);
        assertThat(m.giveBack(0, 512)).isTrue();
        assertThat(m.giveBackBlocks(new long[] {512}, 1)).isTrue();
        assertThat(m.residentBytes()).isZero();
        assertThatThrownBy(() -> m.commit(2047, 2)).isInstanceOf(IllegalArgumentException.class);
        m.close();
        m.close();
        assertThat(m.commit(0, 1)).isFalse();
        assertThatThrownBy(() -> m.segment().get(JAVA_LONG_UNALIGNED, 0))
                .isInstanceOf(IllegalStateException.class);
    }
}
