package dev.polder.lockdep.agent;

import dev.polder.lockdep.Check;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;

/// The agent's jar, made of this build's classes as the build makes it, for tests that need it
/// before the build has made it.
final class AgentJar {
    private static final String PROPERTY = "polder.lockdep.jar";

    private AgentJar() {}

    /// Makes it in a folder, for [Check] to find.
    static Path make(Path folder) throws IOException {
        Path classes = folderOf(Check.class);
        Path jar = folder.resolve("polder-lockdep.jar");
        Manifest manifest = new Manifest();
        Attributes a = manifest.getMainAttributes();
        a.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        a.putValue("Premain-Class", Agent.class.getName());
        a.putValue("Agent-Class", Agent.class.getName());
        a.putValue("Can-Retransform-Classes", "true");
        a.putValue("Can-Redefine-Classes", "true");
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream zip = new JarOutputStream(out, manifest);
                Stream<Path> files = Files.walk(classes)) {
            for (Path f : files.filter(Files::isRegularFile).toList()) {
                String name = classes.relativize(f).toString().replace('\\', '/');
                if (!name.startsWith("dev/polder/lockdep/junit/")) {
                    zip.putNextEntry(new JarEntry(name));
                    Files.copy(f, zip);
                }
            }
        }
        System.setProperty(PROPERTY, jar.toString());
        return jar;
    }

    static void forget() {
        System.clearProperty(PROPERTY);
    }

    /// This JVM's java.
    static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /// The class path of the modules that these classes are of.
    static String path(Class<?>... classes) {
        List<String> folders = new ArrayList<>();
        for (Class<?> c : classes) {
            folders.add(folderOf(c).toString());
        }
        return String.join(File.pathSeparator, folders);
    }

    private static Path folderOf(Class<?> c) {
        try {
            return Path.of(c.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }
}
