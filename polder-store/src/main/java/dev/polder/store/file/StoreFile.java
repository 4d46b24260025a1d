package dev.polder.store.file;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;

/// A file that a store reads and writes at positions. The port behind which tests put a disk that
/// is full, slow or torn.
///
/// Threads: all methods from any thread. An interrupt neither ends nor breaks an operation; the
/// flag stays set.
public interface StoreFile extends Closeable {
    /// Reads until `target` is full or the file ends.
    ///
    /// @return bytes read, 0 at or behind the end
    int read(ByteBuffer target, long position) throws IOException;

    /// Writes all of `source`. After an exception any part may be written.
    void write(ByteBuffer source, long position) throws IOException;

    /// Returns when everything written before is durable. After an exception nothing is known of
    /// what was written since the last success: the caller must not repeat the call and believe it.
    void force() throws IOException;

    /// Bytes in the file.
    long size() throws IOException;

    /// A name for messages.
    String name();
}
