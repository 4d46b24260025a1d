package dev.polder.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ContainerLimitTest {
    @TempDir
    private Path dir;

    private long limit(String membership) throws IOException {
        Path file = Files.writeString(dir.resolve("cgroup"), membership);
        return ContainerLimit.bytes(file, dir.resolve("fs"));
    }

    private void write(String path, String text) throws IOException {
        Path file = dir.resolve("fs").resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    @Test
    void version2TakesTheSmallestOnTheWayUp() throws IOException {
        write("a/b/memory.max", "max\n");
        write("a/memory.max", "268435456\n");
        write("memory.max", "536870912\n");
        assertThat(limit("0::/a/b\n")).isEqualTo(268_435_456);
    }

    @Test
    void version1HasItsOwnDirectoryAndItsOwnWordForNoLimit() throws IOException {
        write("memory/box/memory.limit_in_bytes", "104857600\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assertThat(limit("5:cpu:/\n4:memory:/box\n")).isEqualTo(104_857_600);
    }

    @Test
    void withoutGroupsThereIsNoLimit() throws IOException {
        assertThat(limit("")).isEqualTo(ContainerLimit.NONE);
        assertThat(limit("0::/nowhere\n")).isEqualTo(ContainerLimit.NONE);
        assertThat(limit("garbage\n")).isEqualTo(ContainerLimit.NONE);
    }
}
