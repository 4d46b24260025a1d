package dev.polder.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/// The checked-out tree that the tests run in.
public final class Repository {

    private static final Pattern MODULE = Pattern.compile("<module>(.+?)</module>");

    private final Path root;

    private Repository(Path root) {
        this.root = root;
    }

    /// The tree around the working directory: the nearest folder above it that holds
    /// `polder-testkit`.
    public static Repository here() {
        Path start = Path.of("").toAbsolutePath();
        for (Path folder = start; folder != null; folder = folder.getParent()) {
            if (Files.isDirectory(folder.resolve("polder-testkit"))) {
                return new Repository(folder);
            }
        }
        throw new IllegalStateException("no folder above " + start + " holds polder-testkit");
    }

    /// A tree at a place of the caller's choice, for the checks' own canaries.
    static Repository at(Path root) {
        return new Repository(root);
    }

    /// The folder that holds the modules.
    public Path root() {
        return root;
    }

    /// The folders of the modules that are built and have sources, in the order of the build.
    public List<Path> modules() {
        try {
            return MODULE.matcher(Files.readString(root.resolve("pom.xml"))).results()
                    .map(found -> root.resolve(found.group(1)))
                    .filter(folder -> Files.isDirectory(folder.resolve("src")))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// A file's name as seen from the root, with slashes.
    String nameOf(Path file) {
        return root.relativize(file).toString().replace('\\', '/');
    }
}
