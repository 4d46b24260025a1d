package dev.polder.cli.input;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/// The input's texts, numbered from 0, in one mapped file. It is the truth against which everything
/// that was read back is compared, and it takes nothing from the pool.
public final class Corpus implements AutoCloseable {

    static final String TEXTS = "corpus.texts";
    static final String INDEX = "corpus.index";

    /// Longest path kept, in characters: a key of the text store with its number before it.
    static final int MAX_PATH = 120;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment texts;
    private final String[] paths;
    private final long[] offsets;        // one more than texts: offsets[n] is where text n begins

    /// Maps a corpus that [CorpusWriter] left in a folder.
    public Corpus(Path folder) throws IOException {
        List<String> names = new ArrayList<>();
        List<Integer> lengths = new ArrayList<>();
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(
                Files.newInputStream(folder.resolve(INDEX))))) {
            while (true) {
                names.add(in.readUTF());
                lengths.add(in.readInt());
            }
        } catch (EOFException end) {
            assert names.size() == lengths.size() : "a path without a length";
        }
        paths = names.toArray(String[]::new);
        offsets = new long[paths.length + 1];
        for (int i = 0; i < paths.length; i++) {
            offsets[i + 1] = offsets[i] + lengths.get(i);
        }
        try (FileChannel file = FileChannel.open(folder.resolve(TEXTS), StandardOpenOption.READ)) {
            texts = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size(), arena);
        }
        if (texts.byteSize() != bytes()) {
            throw new IOException("the corpus in " + folder + " is " + texts.byteSize()
                    + " bytes long, its index says " + bytes());
        }
    }

    /// How many texts there are.
    public int count() {
        return paths.length;
    }

    /// Bytes of all texts together.
    public long bytes() {
        return offsets[paths.length];
    }

    /// The text's name.
    public String path(int text) {
        return paths[text];
    }

    /// The text's length in bytes.
    public int size(int text) {
        return (int) (offsets[text + 1] - offsets[text]);
    }

    /// The text itself, read-only.
    public MemorySegment text(int text) {
        return texts.asSlice(offsets[text], size(text));
    }

    @Override
    public void close() {
        arena.close();
    }
}
