package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RunListTest {
    @Test
    void runsThatContinueEachOtherAreOnePiece() {
        RunList list = new RunList();
        assertThat(list.pieces()).isZero();
        list.add(1024, 10);
        list.add(2048, 3);
        list.add(2056, 0);
        list.add(100, 1);
        list.add(102, 0);
        list.add(104, 0);
        assertThat(list.size()).isEqualTo(6);
        assertThat(list.pages()).isEqualTo(1024 + 8 + 1 + 2 + 1 + 1);
        assertThat(list.pieceEnd(0)).isEqualTo(3);
        assertThat(list.pieceEnd(3)).isEqualTo(5);
        assertThat(list.pieceEnd(5)).isEqualTo(6);
        assertThat(list.pieces()).isEqualTo(3);
        assertThat(list.run(1)).isEqualTo(2048);
        assertThat(list.length(1)).isEqualTo(8);
    }
}
