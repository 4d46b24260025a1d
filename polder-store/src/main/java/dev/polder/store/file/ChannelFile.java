package dev.polder.store.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A [StoreFile] over a [FileChannel].
///
/// A `FileChannel` is closed for ever, for all threads, when one thread that uses it is
/// interrupted. That must not end a store, so that the channel is opened again, the operation
/// repeated without the interrupt flag, and the flag set again at the end. Every operation can be
/// repeated: it names its position.
public final class ChannelFile implements StoreFile {
    private final Path path;
    private final ReentrantLock reopening = new ReentrantLock();
    private volatile FileChannel channel;
    private volatile boolean closed;

    private ChannelFile(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /// Opens a file to read and write; creates it if it is not there.
    public static ChannelFile open(Path path) throws IOException {
        return new ChannelFile(path, FileChannel.open(path, StandardOpenOption.READ,
                StandardOpenOption.WRITE, StandardOpenOption.CREATE));
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
        return repeated(c -> {
            int start = target.position();
            while (target.hasRemaining()) {
                int n = c.read(target, position + target.position() - start);
                if (n < 0) {
                    break;
                }
            }
            return target.position() - start;
        }, target);
    }

    @Override
    public void write(ByteBuffer source, long position) throws IOException {
        repeated(c -> {
            int start = source.position();
            while (source.hasRemaining()) {
                c.write(source, position + source.position() - start);
            }
            return 0;
        }, source);
    }

    @Override
    public void force() throws IOException {
        repeated(c -> {
            c.force(false);
            return 0;
        }, null);
    }

    @Override
    public long size() throws IOException {
        long[] size = new long[1];
        repeated(c -> {
            size[0] = c.size();
            return 0;
        }, null);
        return size[0];
    }

    @Override
    public String name() {
        return path.toString();
    }

    @Override
    public void close() throws IOException {
        closed = true;
        reopening.lock();
        try {
            channel.close();
        } finally {
            reopening.unlock();
        }
    }

    @FunctionalInterface
    private interface Operation {
        int on(FileChannel c) throws IOException;
    }

    private int repeated(Operation op, @Nullable ByteBuffer buffer) throws IOException {
        int position = buffer == null ? 0 : buffer.position();
        boolean interrupted = false;
        try {
            while (true) {
                FileChannel c = channel;
                try {
                    return op.on(c);
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                    reopen(c, e);
                } catch (ClosedChannelException e) {
                    reopen(c, e);
                }
                if (buffer != null) {
                    buffer.position(position);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void reopen(FileChannel broken, ClosedChannelException why) throws IOException {
        reopening.lock();
        try {
            if (closed) {
                throw why;
            }
            if (channel == broken) {
                channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
            }
        } finally {
            reopening.unlock();
        }
    }
}
