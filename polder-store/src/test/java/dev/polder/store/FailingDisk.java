package dev.polder.store;

import dev.polder.store.file.StoreFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;

/// A disk with room for so many bytes, that can be broken and repaired: stands before the real
/// files.
final class FailingDisk implements UnaryOperator<StoreFile> {
    private final AtomicLong room = new AtomicLong(Long.MAX_VALUE);
    private volatile boolean readOnly;
    private volatile boolean dataReadOnly;
    private volatile boolean syncFails;

    void room(long bytes) {
        room.set(bytes);
    }

    void readOnly(boolean on) {
        readOnly = on;
    }

    /// Only the data file; the journal can be written.
    void dataReadOnly(boolean on) {
        dataReadOnly = on;
    }

    void syncFails(boolean on) {
        syncFails = on;
    }

    @Override
    public StoreFile apply(StoreFile file) {
        return new StoreFile() {
            @Override
            public int read(ByteBuffer target, long position) throws IOException {
                return file.read(target, position);
            }

            @Override
            public void write(ByteBuffer source, long position) throws IOException {
                if (readOnly || (dataReadOnly && file.name().endsWith("data"))) {
                    throw new IOException("Read-only file system");
                }
                // Only what makes a file longer takes room, as on most disks.
                long longer = position + source.remaining() - file.size();
                if (longer > 0 && room.addAndGet(-longer) < 0) {
                    room.addAndGet(longer);
                    // A part gets there, as it would.
                    ByteBuffer some = source.duplicate();
                    some.limit(some.position() + source.remaining() / 2);
                    file.write(some, position);
                    throw new IOException("No space left on device");
                }
                file.write(source, position);
            }

            @Override
            public void force() throws IOException {
                if (syncFails) {
                    throw new IOException("Input/output error");
                }
                file.force();
            }

            @Override
            public long size() throws IOException {
                return file.size();
            }

            @Override
            public String name() {
                return file.name();
            }

            @Override
            public void close() throws IOException {
                file.close();
            }
        };
    }
}
