package dev.polder.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class FramesTest {
    @Test
    void countRoundsUpWithoutOverflow() {
        assertThat(Frames.count(0)).isZero();
        assertThat(Frames.count(1)).isEqualTo(1);
        assertThat(Frames.count(4096)).isEqualTo(1);
        assertThat(Frames.count(4097)).isEqualTo(2);
        assertThat(Frames.count(Long.MAX_VALUE)).isEqualTo(1L << 51);
        assertThatThrownBy(() -> Frames.count(-1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("-1");
    }

    @Test
    void orderForIsTheSmallestRunThatHoldsTheBytes() {
        assertThat(Frames.orderFor(0)).isZero();
        assertThat(Frames.orderFor(4096)).isZero();
        for (int order = 1; order <= Frames.MAX_ORDER + 1; order++) {
            long run = Frames.SIZE << order;
            assertThat(Frames.orderFor(run)).isEqualTo(order);
            assertThat(Frames.orderFor(run + 1)).isEqualTo(order + 1);
            assertThat(Frames.orderFor(run / 2 + 1)).isEqualTo(order);
        }
    }

    @Test
    void orderWithinIsTheLargestRunThatFits() {
        assertThat(Frames.orderWithin(1)).isZero();
        assertThat(Frames.orderWithin(3)).isEqualTo(1);
        assertThat(Frames.orderWithin(4)).isEqualTo(2);
        assertThat(Frames.orderWithin(1024)).isEqualTo(10);
        assertThat(Frames.orderWithin(1L << 40)).isEqualTo(Frames.MAX_ORDER);
    }

    @Test
    void constantsBelongTogether() {
        assertThat(Frames.SIZE).isEqualTo(1L << Frames.SHIFT);
        assertThat(Frames.bytes(3)).isEqualTo(12288);
        assertThat(Frames.aligned(8192)).isTrue();
        assertThat(Frames.aligned(8193)).isFalse();
    }

    @Test
    void checksThrowWithTheirMessage() {
        Check.that(true, "never seen");
        assertThatThrownBy(() -> Check.that(false, "the reason"))
                .isInstanceOf(IllegalStateException.class).hasMessage("the reason");
        assertThat(Check.badAddress(0x7f00L, "is nothing")).hasMessage("0x7f00 is nothing");
    }
}
