package dev.polder.cli.demo;

import dev.polder.cli.input.Corpus;
import dev.polder.cli.input.CorpusWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/// Texts made for tests, always the same.
public final class Inputs {

    private static final String[] WORDS = {"page", "frame", "zone", "slab", "cache", "journal",
        "commit", "reclaim", "shrink", "scan", "watermark", "order", "buddy", "scope", "domain",
        "handle", "writeback", "dirty", "clean", "node", "leaf", "tree", "pool", "budget"};

    private Inputs() {}

    /// A corpus in a folder.
    public static Corpus corpus(Path folder, int texts, int bytes) throws IOException {
        Random random = new Random(1);
        try (CorpusWriter writer = new CorpusWriter(folder, Long.MAX_VALUE)) {
            for (int i = 0; i < texts; i++) {
                writer.text("file" + i + ".txt", text(random, bytes));
            }
        }
        return new Corpus(folder);
    }

    /// A directory of files.
    static Path files(Path folder, int texts, int bytes) throws IOException {
        Random random = new Random(1);
        for (int i = 0; i < texts; i++) {
            Path file = folder.resolve("dir" + i % 7).resolve("file" + i + ".txt");
            Files.createDirectories(file.getParent());
            Files.write(file, text(random, bytes));
        }
        return folder;
    }

    private static byte[] text(Random random, int bytes) {
        StringBuilder text = new StringBuilder(bytes + 16);
        while (text.length() < bytes) {
            text.append(WORDS[random.nextInt(WORDS.length)])
                    .append(Integer.toString(random.nextInt(46_656), 36))
                    .append(random.nextInt(8) == 0 ? '\n' : ' ');
        }
        return text.substring(0, bytes).getBytes(StandardCharsets.US_ASCII);
    }
}
