package dev.polder.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZeroingTest {
    /// Both sides of every boundary between two means, and of a piece of memset.
    @ParameterizedTest
    @ValueSource(longs = {0, 1, 7, 8, 9, 127, 128, 129, 8191, 8192, 8193,
        (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 3})
    void writesZeroesThereAndNowhereElse(long bytes) {
        for (boolean memset : new boolean[] {true, false}) {
            try (Arena a = Arena.ofConfined()) {
                long before = 13;
                long after = 16;
                MemorySegment s = a.allocate(before + bytes + after, 16).fill((byte) 0x5a);
                Zeroing.zero(s, before, bytes, memset);
                for (long i = 0; i < s.byteSize(); i++) {
                    boolean inside = i >= before && i < before + bytes;
                    byte expected = (byte) (inside ? 0 : 0x5a);
                    if (s.get(ValueLayout.JAVA_BYTE, i) != expected) {
                        assertThat(s.get(ValueLayout.JAVA_BYTE, i)).as("byte %d", i)
                                .isEqualTo(expected);
                    }
                }
            }
        }
    }
}
