package dev.polder.visit;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// A list of published jars: a folder of `exhibits`, whose class path the build wrote down.
record Exhibit(String name) {
    /// The jars, in the order of the class path.
    List<String> jars() {
        Path list = Path.of("exhibits", name, "target", "classpath").toAbsolutePath();
        try {
            return List.of(Files.readString(list).strip().split(File.pathSeparator));
        } catch (IOException e) {
            throw new UncheckedIOException("no " + list + ": run mvn -Pmuseum verify", e);
        }
    }

    /// The jar whose file name begins so and ends so.
    String jar(String begin, String end) {
        return jars().stream()
                .filter(j -> new File(j).getName().startsWith(begin) && j.endsWith(end))
                .findFirst()
                .orElseThrow(() -> new AssertionError(
                        "no jar " + begin + "…" + end + " in exhibit " + name));
    }
}
