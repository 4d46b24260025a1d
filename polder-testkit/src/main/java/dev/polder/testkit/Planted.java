package dev.polder.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/// Sources made up for a test, and the class files that javac makes of them: what a check must
/// catch.
public final class Planted {

    private Planted() {}

    /// Writes the sources, keyed by their names from the root, below a folder.
    public static void write(Path root, Map<String, String> sources) {
        sources.forEach((name, text) -> {
            try {
                Path file = root.resolve(name);
                Files.createDirectories(file.getParent());
                Files.writeString(file, text);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /// Compiles the sources, keyed by their names, into the folder; they see the test's class path.
    public static void compile(Path folder, Map<String, String> sources) {
        Path sourceFolder = folder.resolveSibling(folder.getFileName() + "-sources");
        write(sourceFolder, sources);
        List<Path> files = new ArrayList<>();
        sources.keySet().forEach(name -> files.add(sourceFolder.resolve(name)));
        JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager manager = javac.getStandardFileManager(null, null, null)) {
            Files.createDirectories(folder);
            boolean ok = javac.getTask(null, manager, null,
                    List.of("-proc:none", "-cp", System.getProperty("java.class.path"),
                            "-d", folder.toString()),
                    null, manager.getJavaFileObjectsFromPaths(files)).call();
            if (!ok) {
                throw new IllegalStateException("the planted sources do not compile");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
