package dev.polder.cli.console;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A command's temporary directory. It is gone when the command ends, also by Ctrl-C.
public final class WorkDir implements AutoCloseable {

    /// How the directory's name begins.
    public static final String PREFIX = "polder-demo-";

    private static final int TRIES = 10;
    private static final long PAUSE_NANOS = 100_000_000;

    private final Path path;
    private final Thread hook;

    private WorkDir(Path path) {
        this.path = path;
        this.hook = new Thread(() -> delete(path), "polder-cleanup");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /// Makes a new directory.
    ///
    /// @param parent where; null for the system's place for temporary files
    /// @throws CannotRun when that is not possible
    public static WorkDir create(@Nullable Path parent) {
        Path place = parent != null ? parent : Path.of(System.getProperty("java.io.tmpdir"));
        if (!Files.isDirectory(place)) {
            throw new CannotRun("The directory for temporary files, " + place
                    + ", does not exist; name another with --work-dir.");
        }
        try {
            return new WorkDir(Files.createTempDirectory(place, PREFIX).toAbsolutePath());
        } catch (IOException e) {
            throw CannotRun.io("write to " + place, e);
        }
    }

    /// The directory.
    public Path path() {
        return path;
    }

    /// Makes a directory in it.
    public Path make(String name) throws IOException {
        return Files.createDirectories(path.resolve(name));
    }

    /// Bytes that can be written here.
    public long usableBytes() throws IOException {
        return Files.getFileStore(path).getUsableSpace();
    }

    /// Copies a directory of files.
    public static void copy(Path from, Path to) throws IOException {
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes a)
                    throws IOException {
                Files.createDirectories(to.resolve(from.relativize(dir)));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes a) throws IOException {
                Files.copy(file, to.resolve(from.relativize(file)));
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /// Removes a directory and all that is in it. A process that is just ending may write into it
    /// once more; then again.
    public static void delete(Path dir) {
        for (int i = 0; i < TRIES && Files.exists(dir); i++) {
            if (i > 0) {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
            deleteOnce(dir);
        }
    }

    private static void deleteOnce(Path dir) {
        try {
            Files.walkFileTree(dir, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes a)
                        throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) {
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path d, @Nullable IOException e)
                        throws IOException {
                    Files.deleteIfExists(d);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            return;         // tried again, and what is left lies among temporary files
        }
    }

    @Override
    public void close() {
        delete(path);
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException shuttingDown) {
            return;         // the hook runs already, and does the same
        }
    }
}
