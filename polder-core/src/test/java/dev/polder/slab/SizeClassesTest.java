package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.testkit.Row;
import org.junit.jupiter.api.Test;

final class SizeClassesTest {
    @Test
    void everySizeGetsTheSmallestClassThatHoldsIt() {
        for (int size = 1; size <= SizeClasses.LARGEST; size++) {
            int index = SizeClasses.indexOf(size);
            assertThat(SizeClasses.size(index)).isGreaterThanOrEqualTo(size);
            assertThat(index == 0 || SizeClasses.size(index - 1) < size).as("size %d", size)
                    .isTrue();
        }
    }

    @Test
    void theClassesAreThePowersOfTwoAndTwoBetween() {
        StringBuilder sizes = new StringBuilder();
        for (int i = 0; i < SizeClasses.COUNT; i++) {
            sizes.append(SizeClasses.size(i)).append(' ');
        }
        assertThat(sizes).hasToString("8 16 32 64 96 128 192 256 512 1024 2048 4096 8192 ");
    }

    @Test
    @Row("G4")
    void anAlignmentPicksAClassWhoseObjectsHaveIt() {
        for (int size = 1; size <= 9000; size += 7) {
            for (long alignment = 1; alignment <= 16384; alignment <<= 1) {
                int index = SizeClasses.indexOf(size, alignment);
                if (Math.max(size, alignment) > SizeClasses.LARGEST) {
                    assertThat(index).isEqualTo(-1);
                } else {
                    assertThat(SizeClasses.size(index)).isGreaterThanOrEqualTo(size);
                    assertThat(SizeClasses.size(index) % alignment).isZero();
                }
            }
        }
        assertThat(SizeClasses.size(SizeClasses.indexOf(90, 32))).isEqualTo(96);
        assertThat(SizeClasses.size(SizeClasses.indexOf(90, 64))).isEqualTo(128);
        assertThat(SizeClasses.size(SizeClasses.indexOf(1, 4096))).isEqualTo(4096);
    }
}
