package dev.polder.cli.input;

import dev.polder.cli.console.CannotRun;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/// Where the texts come from: a directory that the user named, else the JDK's `lib/src.zip`, else
/// the class files of the running JDK (`jrt:/`).
///
/// @param name what it is, for people
/// @param source the directory, the zip file, or the root of the image
/// @param kind how it is read
public record Input(String name, Path source, Kind kind) {

    /// How an input is read.
    public enum Kind { DIRECTORY, ZIP, IMAGE }

    /// Receives one text after the other.
    public interface Sink {
        /// Takes the next text.
        ///
        /// @param path the text's name, unique within the input
        /// @return whether more is wanted
        boolean text(String path, byte[] content) throws IOException;
    }

    /// A larger file is passed over: a store's value is at most 16 MiB, and the demo is about many
    /// texts and not about a few.
    public static final long MAX_TEXT = 4L << 20;

    /// Finds the input.
    ///
    /// @param directory what the user asked for; null for the JDK's own sources
    /// @throws CannotRun when there is no such directory
    public static Input find(@Nullable Path directory) {
        if (directory != null) {
            if (!Files.exists(directory)) {
                throw new CannotRun("The input directory " + directory + " does not exist.");
            }
            if (!Files.isDirectory(directory)) {
                throw new CannotRun("The input " + directory + " is not a directory; name the "
                        + "directory whose files are to be read.");
            }
            return new Input(directory.toString(), directory, Kind.DIRECTORY);
        }
        Path sources = Path.of(System.getProperty("java.home"), "lib", "src.zip");
        if (Files.isReadable(sources)) {
            return new Input("the JDK's lib/src.zip", sources, Kind.ZIP);
        }
        FileSystem image = FileSystems.getFileSystem(URI.create("jrt:/"));
        return new Input("the JDK's class files", image.getPath("/modules"), Kind.IMAGE);
    }

    /// Hands every readable, non-empty file to the sink, in an order that depends on names only.
    public void read(Sink sink) throws IOException {
        if (kind == Kind.ZIP) {
            readZip(sink);
        } else {
            readTree(sink);
        }
    }

    private void readZip(Sink sink) throws IOException {
        try (ZipFile zip = new ZipFile(source.toFile())) {
            Enumeration<? extends ZipEntry> entries = zip.entries();
            while (entries.hasMoreElements()) {
                ZipEntry entry = entries.nextElement();
                if (entry.isDirectory() || entry.getSize() > MAX_TEXT) {
                    continue;
                }
                byte[] content;
                try (InputStream in = zip.getInputStream(entry)) {
                    content = in.readAllBytes();
                }
                if (content.length > 0 && !sink.text(entry.getName(), content)) {
                    return;
                }
            }
        }
    }

    private void readTree(Sink sink) throws IOException {
        for (Map.Entry<String, Path> file : files()) {
            byte[] content;
            try {
                content = Files.readAllBytes(file.getValue());
            } catch (IOException e) {
                continue;           // unreadable or gone since it was listed: not our input
            }
            if (content.length > 0 && content.length <= MAX_TEXT
                    && !sink.text(file.getKey(), content)) {
                return;
            }
        }
    }

    /// Regular files, by name. Links are not followed: they may lead in a circle.
    private List<Map.Entry<String, Path>> files() throws IOException {
        List<Map.Entry<String, Path>> found = new ArrayList<>();
        Files.walkFileTree(source, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes a) {
                boolean wanted = kind == Kind.DIRECTORY || file.toString().endsWith(".class");
                if (a.isRegularFile() && a.size() > 0 && a.size() <= MAX_TEXT && wanted) {
                    found.add(Map.entry(source.relativize(file).toString(), file));
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
                return FileVisitResult.CONTINUE;
            }
        });
        found.sort(Map.Entry.comparingByKey());
        return found;
    }
}
