package dev.polder;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A pool that cannot be closed at one go gives back what it can, and the rest later.
@Timeout(60)
final class HalfClosedTest {
    private final long filesBefore = files();
    private final Polder pool = Polder.open(
            PolderConfig.builder().name("half").budget(16L << 20).build());

    /// Memory files of pools that are open in this process; 0 where there is no such list.
    private static long files() {
        Path all = Path.of("/proc/self/fd");
        if (!Files.isDirectory(all)) {
            return 0;
        }
        try (Stream<Path> links = Files.list(all)) {
            return links.filter(HalfClosedTest::isPools).count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isPools(Path link) {
        try {
            return Files.readSymbolicLink(link).toString().contains("memfd:polder");
        } catch (IOException closedMeanwhile) {
            return false;
        }
    }

    private void assertGone(MemorySegment s) {
        assertThat(s.scope().isAlive()).isFalse();
        assertThat(files()).isEqualTo(filesBefore);
    }

    @Test
    void aPartThatCannotBeClosedDoesNotKeepTheMemory() {
        MemorySegment s = pool.allocate(4096, Gfp.KERNEL);
        pool.parts().slabs().atClose(() -> {
            throw new IllegalStateException("damaged");
        });
        boolean[] next = new boolean[1];
        pool.parts().slabs().atClose(() -> next[0] = true);
        assertThatThrownBy(pool::close).isInstanceOf(IllegalStateException.class)
                .hasMessage("damaged");
        assertThat(next[0]).as("what came after it was done").isTrue();
        assertGone(s);
        pool.close();
    }

    @Test
    void memoryThatIsBeingReadIntoStaysUntilALaterClose() throws Exception {
        MemorySegment s = pool.allocate(4096, Gfp.KERNEL);
        Pipe pipe = Pipe.open();
        Thread reader = Thread.ofPlatform().daemon().start(() -> {
            try {
                pipe.source().read(s.asByteBuffer());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        while (Arrays.stream(reader.getStackTrace())
                .noneMatch(f -> f.getMethodName().equals("read0"))) {
            Thread.onSpinWait();
        }
        Thread.currentThread().interrupt();
        assertThatThrownBy(pool::close).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("close is called again");
        assertThat(Thread.interrupted()).as("kept").isTrue();
        assertThat(s.scope().isAlive()).isTrue();
        assertThatThrownBy(() -> pool.allocate(64, Gfp.KERNEL))
                .isInstanceOf(IllegalStateException.class);
        pipe.sink().write(ByteBuffer.wrap(new byte[] {7}));
        reader.join();
        assertThat(s.get(JAVA_BYTE, 0)).isEqualTo((byte) 7);
        pipe.source().close();
        pipe.sink().close();
        pool.close();
        assertGone(s);
        pool.close();
    }
}
