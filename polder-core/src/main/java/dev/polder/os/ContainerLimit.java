package dev.polder.os;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// How much memory the container of this process may use: the smallest limit on the way from its
/// control group to the root, for cgroup version 2 and version 1. A memfd's pages count there as
/// shared memory.
///
/// Without control groups, or with files that cannot be read, there is no limit to see.
public final class ContainerLimit {
    /// No limit.
    public static final long NONE = Long.MAX_VALUE;
    /// Version 1 prints "no limit" as a number near 2^63, rounded down to a page.
    private static final long V1_UNLIMITED = Long.MAX_VALUE >> 1;

    private ContainerLimit() {}

    /// The limit in bytes, or [#NONE].
    public static long bytes() {
        return bytes(Path.of("/proc/self/cgroup"), Path.of("/sys/fs/cgroup"));
    }

    /// The same, read from other places.
    ///
    /// @param membership a file like `/proc/self/cgroup`
    /// @param root a directory like `/sys/fs/cgroup`
    static long bytes(Path membership, Path root) {
        long least = NONE;
        for (String line : lines(membership)) {
            String[] parts = line.split(":", 3);
            if (parts.length < 3) {
                continue;
            }
            if (parts[1].isEmpty()) {
                least = Math.min(least, climb(root, parts[2], "memory.max"));
            } else if (List.of(parts[1].split(",")).contains("memory")) {
                least = Math.min(least,
                        climb(root.resolve("memory"), parts[2], "memory.limit_in_bytes"));
            }
        }
        return least;
    }

    private static long climb(Path root, String group, String file) {
        Path at = root.resolve(group.substring(group.startsWith("/") ? 1 : 0)).normalize();
        long least = NONE;
        while (at != null && at.startsWith(root)) {
            for (String line : lines(at.resolve(file))) {
                least = Math.min(least, parse(line.strip()));
            }
            at = at.getParent();
        }
        return least;
    }

    private static long parse(String text) {
        try {
            long n = Long.parseLong(text);
            return n >= V1_UNLIMITED ? NONE : n;
        } catch (NumberFormatException _) {
            return NONE;
        }
    }

    private static List<String> lines(Path file) {
        try {
            return Files.exists(file)
                    ? Files.readAllLines(file, StandardCharsets.US_ASCII)
                    : List.of();
        } catch (IOException _) {
            return List.of();
        }
    }
}
