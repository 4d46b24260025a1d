package dev.polder.os;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@Timeout(60)
@EnabledOnOs(OS.LINUX)
class LinuxMemoryTest {
    private static final long FRAMES = 2048;
    private static final long SPACE = 16 << 20;

    private final RefusingCalls calls = new RefusingCalls();
    private final MappingBudget budget = MappingBudget.of(100);
    private LinuxMemory memory;

    @BeforeEach
    void open() {
        memory = LinuxMemory.open(calls, FRAMES, SPACE, budget);
    }

    @AfterEach
    void close() {
        memory.close();
        assertThat(budget.used()).as("one covered mapping stays").isEqualTo(1);
    }

    @Test
    void theReservationIsOneRow() {
        assertThat(memory.mode()).isEqualTo("linux");
        assertThat(memory.base() % (4 << 20)).isZero();
        assertThat(memory.frames()).isEqualTo(FRAMES);
        assertThat(memory.vmallocStart()).isGreaterThan(memory.base() + Frames.bytes(FRAMES));
        assertThat(memory.vmallocEnd() - memory.vmallocStart()).isEqualTo(SPACE);
        assertThat(memory.zeroSentinel()).isGreaterThanOrEqualTo(memory.vmallocEnd());
        assertThat(memory.segment().address()).isEqualTo(memory.base());
        assertThat(memory.segment().byteSize())
                .isGreaterThan(memory.zeroSentinel() - memory.base());
        assertThat(budget.used()).isEqualTo(3);
        assertThat(mappings()).isEqualTo(2);
    }

    @Test
    void openMakesNothingResidentAndCommitDoes() {
        assertThat(memory.residentBytes()).isZero();
        assertThat(memory.commit(512, 512)).isTrue();
        assertThat(memory.residentBytes()).isEqualTo(2 << 20);
        write(512, 0, 42);
        assertThat(memory.commit(512, 512)).isTrue();
        assertThat(read(512, 0)).isEqualTo(42);
        assertThat(memory.residentBytes()).isEqualTo(2 << 20);
    }

    @Test
    void giveBackFreesAndLosesTheContent() {
        assertThat(memory.commit(0, 2048)).isTrue();
        write(512, 8, 7);
        assertThat(memory.giveBack(512, 512)).isTrue();
        assertThat(memory.residentBytes()).isEqualTo(6 << 20);
        assertThat(memory.commit(512, 512)).isTrue();
        assertThat(read(512, 8)).isZero();
    }

    @Test
    void manyBlocksGoBackInOneCallAndOneByOneWhereThatIsMissing() {
        assertThat(memory.commit(0, 2048)).isTrue();
        assertThat(memory.giveBackBlocks(new long[] {0, 1024, 99}, 2)).isTrue();
        assertThat(memory.residentBytes()).isEqualTo(4 << 20);
        int before = calls.made("fallocate");
        calls.refuse("process_madvise", Errno.ENOSYS);
        assertThat(memory.giveBackBlocks(new long[] {512, 1536}, 2)).isTrue();
        assertThat(memory.residentBytes()).isZero();
        assertThat(calls.made("fallocate") - before).isEqualTo(2);
    }

    @Test
    void aRefusedCommitIsFalseAndNotAnError() {
        calls.refuse("madvise", Errno.ENOMEM);
        assertThat(memory.commit(0, 512)).isFalse();
        calls.allow("madvise");
        calls.refuse("fallocate", Errno.ENOSPC);
        assertThat(memory.giveBack(0, 512)).isFalse();
        assertThat(memory.commit(0, 512)).isTrue();
    }

    @Test
    void olderKernelsCommitByFallocateWhichSignalsMayInterrupt() {
        calls.refuse("madvise", Errno.EINVAL);
        calls.refuse("fallocate", Errno.EINTR, 3);
        assertThat(memory.commit(0, 512)).isTrue();
        assertThat(calls.made("fallocate")).isEqualTo(4);
        assertThat(memory.residentBytes()).isEqualTo(2 << 20);
    }

    @Test
    void aMappedFrameIsTheSameMemoryTwice() {
        assertThat(memory.commit(0, 16)).isTrue();
        long at = memory.vmallocStart() + Frames.SIZE;
        assertThat(memory.map(at, 8, 2)).isTrue();
        write(9, 16, 0x1234);
        assertThat(memory.segment().get(JAVA_LONG_UNALIGNED, at - memory.base() + 4096 + 16))
                .isEqualTo(0x1234);
        memory.segment().set(JAVA_LONG_UNALIGNED, at - memory.base(), 99);
        assertThat(read(8, 0)).isEqualTo(99);
    }

    @Test
    void whatIsCoveredAgainMergesWithItsNeighbours() {
        assertThat(memory.commit(0, 64)).isTrue();
        int empty = mappings();
        long at = memory.vmallocStart() + 8 * Frames.SIZE;
        for (int i = 0; i < 8; i++) {
            // Descending frames: no two of the runs can merge.
            assertThat(memory.map(at + Frames.bytes(i), 20 - i, 1)).isTrue();
        }
        assertThat(mappings()).isEqualTo(empty + 9);
        assertThat(memory.cover(at + Frames.SIZE, 2 * Frames.SIZE)).isTrue();
        assertThat(mappings()).isEqualTo(empty + 8);
        assertThat(memory.cover(at, 8 * Frames.SIZE)).isTrue();
        assertThat(mappings()).isEqualTo(empty);
    }

    @Test
    void runsThatContinueEachOtherAreOneMapping() {
        assertThat(memory.commit(0, 64)).isTrue();
        int empty = mappings();
        long at = memory.vmallocStart() + 8 * Frames.SIZE;
        assertThat(memory.map(at, 8, 4)).isTrue();
        assertThat(memory.map(at + 4 * Frames.SIZE, 12, 4)).isTrue();
        assertThat(mappings()).isEqualTo(empty + 2);
    }

    @Test
    void aRefusedMapOrCoverIsFalse() {
        assertThat(memory.commit(0, 4)).isTrue();
        long at = memory.vmallocStart();
        calls.refuse("mmap", Errno.ENOMEM);
        assertThat(memory.map(at, 1, 1)).isFalse();
        assertThat(memory.cover(at, 4096)).isFalse();
        calls.allow("mmap");
        assertThat(memory.map(at, 1, 1)).isTrue();
        assertThat(memory.cover(at, 4096)).isTrue();
    }

    @Test
    void rangesOutsideAreRefusedBeforeTheCall() {
        long start = memory.vmallocStart();
        assertThatThrownBy(() -> memory.commit(FRAMES - 1, 2))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("2047 + 2");
        assertThatThrownBy(() -> memory.commit(-1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> memory.map(start - 4096, 0, 1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("0x");
        assertThatThrownBy(() -> memory.map(start + 1, 0, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> memory.map(memory.vmallocEnd() - 4096, 0, 2))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> memory.cover(memory.base(), 4096))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void zeroWorksThroughBothAddresses() {
        assertThat(memory.commit(0, 16)).isTrue();
        long at = memory.vmallocStart();
        assertThat(memory.map(at, 4, 8)).isTrue();
        for (int i = 4; i < 12; i++) {
            write(i, 0, -1);
        }
        memory.zero(at, 3 * Frames.SIZE);
        memory.zero(memory.base() + Frames.bytes(7), 64);
        assertThat(read(4, 0)).isZero();
        assertThat(read(6, 0)).isZero();
        assertThat(read(7, 0)).isZero();
        assertThat(read(8, 0)).isEqualTo(-1);
    }

    @Test
    void afterCloseEverythingIsRefusedAndASecondCloseDoesNothing() {
        assertThat(memory.commit(0, 512)).isTrue();
        memory.close();
        int closes = calls.made("close");
        memory.close();
        assertThat(calls.made("close")).isEqualTo(closes).isEqualTo(2);
        assertThat(memory.residentBytes()).isZero();
        assertThat(memory.commit(0, 1)).isFalse();
        assertThat(memory.giveBack(0, 1)).isFalse();
        assertThat(memory.map(memory.vmallocStart(), 0, 1)).isFalse();
        assertThat(memory.cover(memory.vmallocStart(), 4096)).isTrue();
        assertThatThrownBy(() -> read(0, 0)).isInstanceOf(IllegalStateException.class);
        assertThat(mappings()).as("the addresses stay reserved").isEqualTo(1);
    }

    @Test
    void openSaysWhichCallFailedAndWhatToDo() {
        RefusingCalls refusing = new RefusingCalls();
        refusing.refuse("memfd_create", Errno.EMFILE);
        assertThatThrownBy(() -> LinuxMemory.open(refusing, 16, 0, MappingBudget.of(3)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("memfd_create failed: EMFILE")
                .hasMessageContaining("raise ulimit -n");
        refusing.allow("memfd_create");
        refusing.refuse("mmap", Errno.ENOMEM);
        assertThatThrownBy(() -> LinuxMemory.open(refusing, 16, 0, MappingBudget.of(3)))
                .hasMessageContaining("mmap failed: ENOMEM");
        assertThat(refusing.made("close")).as("both files closed again").isEqualTo(2);
        assertThatThrownBy(() -> LinuxMemory.open(refusing, 16, 0, MappingBudget.of(2)))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("mapping");
    }

    @Test
    void openChecksItsSizes() {
        assertThatThrownBy(() -> PoolMemory.open(0, 0, false, budget))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> PoolMemory.open(16, 100, false, budget))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("100");
        assertThatThrownBy(() -> PoolMemory.open(16, -4096, false, budget))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void unknownErrorsShowTheirNumber() {
        assertThat(Errno.describe("mmap", -77)).isEqualTo("mmap failed: error number 77");
    }

    private int mappings() {
        try {
            return Mapping.within(memory.base(), memory.zeroSentinel() + 1).size();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void write(long frame, long offset, long value) {
        memory.segment().set(JAVA_LONG_UNALIGNED, Frames.bytes(frame) + offset, value);
    }

    private long read(long frame, long offset) {
        return memory.segment().get(JAVA_LONG_UNALIGNED, Frames.bytes(frame) + offset);
    }
}
