package dev.polder.cli.input;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/// Writes a [Corpus] text by text.
public final class CorpusWriter implements Input.Sink, AutoCloseable {

    private static final int BUFFER = 1 << 20;

    private final long maxBytes;
    private final OutputStream texts;
    private final DataOutputStream index;
    private long bytes;
    private int count;

    /// Starts a corpus.
    ///
    /// @param folder an existing folder for its files
    /// @param maxBytes how much text is enough
    public CorpusWriter(Path folder, long maxBytes) throws IOException {
        this.maxBytes = maxBytes;
        this.texts = new BufferedOutputStream(Files.newOutputStream(folder.resolve(Corpus.TEXTS)),
                BUFFER);
        this.index = new DataOutputStream(new BufferedOutputStream(
                Files.newOutputStream(folder.resolve(Corpus.INDEX)), BUFFER));
    }

    @Override
    public boolean text(String path, byte[] content) throws IOException {
        texts.write(content);
        index.writeUTF(shortened(path, count));
        index.writeInt(content.length);
        bytes += content.length;
        count++;
        return bytes < maxBytes;
    }

    /// Bytes of text so far.
    public long bytes() {
        return bytes;
    }

    /// Texts so far.
    public int count() {
        return count;
    }

    @Override
    public void close() throws IOException {
        try (texts; index) {
            index.flush();
            texts.flush();
        }
    }

    /// A store's key has its limit, and a path's end tells more than its beginning. The number
    /// keeps the name unique.
    private static String shortened(String path, int number) {
        return path.length() <= Corpus.MAX_PATH ? path
                : number + ":" + path.substring(path.length() - Corpus.MAX_PATH + 10);
    }
}
