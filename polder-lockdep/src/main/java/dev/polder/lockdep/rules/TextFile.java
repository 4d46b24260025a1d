package dev.polder.lockdep.rules;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A file that people write for the checker, as lines.
public final class TextFile {
    private TextFile() {}

    /// The lines of a file in UTF-8.
    ///
    /// @throws IllegalArgumentException when it cannot be read, naming it and, where it is not
    ///     text, the line
    public static List<String> lines(Path file) {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(file);
        } catch (IOException e) {
            throw new IllegalArgumentException(file + " cannot be read: " + reason(e, file), e);
        }
        List<String> lines = new ArrayList<>();
        int from = 0;
        for (int i = 0; i <= bytes.length; i++) {
            if (i == bytes.length || bytes[i] == '\n') {
                lines.add(decoded(file, lines.size() + 1, Arrays.copyOfRange(bytes, from, i)));
                from = i + 1;
            }
        }
        return lines;
    }

    private static String reason(IOException e, Path file) {
        if (Files.isDirectory(file)) {
            return "it is a directory";
        }
        return Files.exists(file) ? String.valueOf(e.getMessage()) : "there is no such file";
    }

    private static String decoded(Path file, int line, byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException(file + ":" + line + ": this is no UTF-8 text", e);
        }
    }
}
