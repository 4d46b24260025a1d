package dev.polder.cli.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.cli.console.CannotRun;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InputTest {

    @TempDir
    private Path dir;

    @Test
    void readsFilesByNameAndPassesOverTheEmptyAndTheHuge() throws IOException {
        Files.createDirectories(dir.resolve("b"));
        Files.writeString(dir.resolve("b/two"), "22");
        Files.writeString(dir.resolve("a"), "1");
        Files.createFile(dir.resolve("empty"));
        Files.write(dir.resolve("huge"), new byte[(int) Input.MAX_TEXT + 1]);
        Files.createSymbolicLink(dir.resolve("b/loop"), dir);
        List<String> seen = new ArrayList<>();
        Input.find(dir).read((path, content) -> seen.add(path + "="
                + new String(content, StandardCharsets.US_ASCII)));
        assertThat(seen).containsExactly("a=1", "b/two=22");
    }

    @Test
    void stopsWhenEnoughWasRead() throws IOException {
        for (int i = 0; i < 10; i++) {
            Files.writeString(dir.resolve("file" + i), "1234");
        }
        Path out = Files.createDirectories(dir.resolve("out"));
        try (CorpusWriter writer = new CorpusWriter(out, 10)) {
            Input.find(dir).read(writer);
            assertThat(writer.count()).isEqualTo(3);
            assertThat(writer.bytes()).isEqualTo(12);
        }
    }

    @Test
    void withoutADirectoryTheJdkIsTheInput() throws IOException {
        int[] count = new int[1];
        Input.find(null).read((path, content) -> ++count[0] < 50);
        assertThat(count[0]).isEqualTo(50);
    }

    @Test
    void theRunTimeImageIsAnInput() throws IOException {
        Path modules = java.nio.file.FileSystems.getFileSystem(java.net.URI.create("jrt:/"))
                .getPath("/modules/java.xml");
        List<String> seen = new ArrayList<>();
        new Input("image", modules, Input.Kind.IMAGE).read((path, content) -> {
            seen.add(path);
            return seen.size() < 20;
        });
        assertThat(seen).hasSize(20).allMatch(p -> p.endsWith(".class")).isSorted();
    }

    @Test
    void aCorpusGivesBackWhatWasWritten() throws IOException {
        String longPath = "x/".repeat(200);
        try (CorpusWriter writer = new CorpusWriter(dir, Long.MAX_VALUE)) {
            writer.text("one", new byte[] {1});
            writer.text(longPath + "a", new byte[] {2, 3});
            writer.text(longPath + "a", new byte[] {4, 5, 6});
        }
        try (Corpus corpus = new Corpus(dir)) {
            assertThat(corpus.count()).isEqualTo(3);
            assertThat(corpus.bytes()).isEqualTo(6);
            assertThat(corpus.path(0)).isEqualTo("one");
            assertThat(corpus.path(1)).hasSizeLessThanOrEqualTo(Corpus.MAX_PATH)
                    .isNotEqualTo(corpus.path(2));
            assertThat(corpus.text(2).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
                    .containsExactly(4, 5, 6);
        }
    }

    @Test
    void aCutCorpusIsNoticed() throws IOException {
        try (CorpusWriter writer = new CorpusWriter(dir, Long.MAX_VALUE)) {
            writer.text("one", new byte[100]);
        }
        Files.write(dir.resolve(Corpus.TEXTS), new byte[99]);
        assertThatThrownBy(() -> new Corpus(dir)).isInstanceOf(IOException.class)
                .hasMessageContaining("99 bytes");
    }

    @Test
    void aMissingDirectoryIsTold() {
        assertThatThrownBy(() -> Input.find(dir.resolve("x"))).isInstanceOf(CannotRun.class)
                .hasMessageEndingWith("does not exist.");
    }
}
