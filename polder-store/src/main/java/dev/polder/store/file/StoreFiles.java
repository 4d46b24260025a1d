package dev.polder.store.file;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// The directory of a store: `data`, `journal`, and `lock`, which one process at a time holds.
///
/// A new store is made as `data.new` and renamed when it is whole and durable: where there is a
/// file `data`, there is a store.
public final class StoreFiles implements Closeable {
    /// Written at a time when a file is lengthened: large enough to be cheap, small in the heap.
    private static final int ZEROES = 1 << 16;

    private final FileChannel lock;
    private final StoreFile data;
    private final StoreFile journal;

    private StoreFiles(FileChannel lock, StoreFile data, StoreFile journal) {
        this.lock = lock;
        this.data = data;
        this.journal = journal;
    }

    /// Fills the files of a new store.
    @FunctionalInterface
    public interface Formatter {
        /// Writes what an empty store consists of.
        void format(StoreFile data, StoreFile journal) throws IOException;
    }

    /// Opens the files of a store.
    ///
    /// @param formatter makes a new store where there is none; null: that is an error
    /// @param wrap put between the store and each file; identity in production
    public static StoreFiles open(Path dir, @Nullable Formatter formatter,
            UnaryOperator<StoreFile> wrap) throws IOException {
        Path path = dir.resolve("data");
        if (formatter == null && !Files.exists(path)) {
            throw new IOException("there is no store in " + dir);
        }
        Files.createDirectories(dir);
        FileChannel lock = lock(dir);
        StoreFile journal = null;
        boolean done = false;
        try {
            journal = wrap.apply(ChannelFile.open(dir.resolve("journal")));
            if (formatter != null && !Files.exists(path)) {
                create(dir, journal, formatter, wrap);
            }
            StoreFiles files = new StoreFiles(lock, wrap.apply(ChannelFile.open(path)), journal);
            done = true;
            return files;
        } finally {
            if (!done) {
                closeBoth(journal, lock);
            }
        }
    }

    private static FileChannel lock(Path dir) throws IOException {
        FileChannel channel = FileChannel.open(dir.resolve("lock"), StandardOpenOption.CREATE,
                StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            channel.close();
            throw new IOException("the store in " + dir + " is open already in this process", e);
        }
        channel.close();
        throw new IOException("the store in " + dir + " is open in another process");
    }

    private static void create(Path dir, StoreFile journal, Formatter formatter,
            UnaryOperator<StoreFile> wrap) throws IOException {
        Path half = dir.resolve("data.new");
        Files.deleteIfExists(half);
        try (StoreFile data = wrap.apply(ChannelFile.open(half))) {
            formatter.format(data, journal);
            journal.force();
            data.force();
        }
        Files.move(half, dir.resolve("data"), StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel names = FileChannel.open(dir, StandardOpenOption.READ)) {
            names.force(true);
        }
    }

    /// The pages.
    public StoreFile data() {
        return data;
    }

    /// The journal.
    public StoreFile journal() {
        return journal;
    }

    /// Lengthens `file` to `bytes` with real zeroes, so that a later write inside cannot meet a
    /// full disk. Does nothing if it is that long already.
    public static void lengthen(StoreFile file, long bytes) throws IOException {
        long at = file.size();
        ByteBuffer zeroes = ByteBuffer.allocate(ZEROES);
        while (at < bytes) {
            int n = (int) Math.min(ZEROES, bytes - at);
            zeroes.clear().limit(n);
            file.write(zeroes, at);
            at += n;
        }
    }

    /// Closes all; the lock goes last.
    @Override
    public void close() throws IOException {
        try {
            data.close();
        } finally {
            closeBoth(journal, lock);
        }
    }

    private static void closeBoth(@Nullable StoreFile journal, FileChannel lock)
            throws IOException {
        try {
            if (journal != null) {
                journal.close();
            }
        } finally {
            lock.close();
        }
    }
}
