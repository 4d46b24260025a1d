package dev.polder.testkit;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.stream.Stream;

/// What the checks need to know of one class file (JVMS chapter 4), read without loading the class.
///
/// A class counts as mentioned when the file names it in any way that survives compilation: a class
/// constant, a descriptor, a generic signature, an annotation. A constant that javac copies into
/// its user (`static final int`) leaves no trace, and neither does the import of it.
final class ClassFile {

    private static final int MAGIC = 0xCAFEBABE;

    private final ConstantPool pool;
    private final String name;
    private final NavigableSet<String> mentioned = new TreeSet<>();
    private final List<Annotation> annotations = new ArrayList<>();
    private final List<Method> methods = new ArrayList<>();

    /// One annotation: its class's name, and those of its values that are strings or lists of them.
    record Annotation(String type, Map<String, List<String>> strings) {}

    /// One method with the annotations it carries.
    record Method(String name, List<Annotation> annotations) {}

    private ClassFile(DataInputStream in) throws IOException {
        if (in.readInt() != MAGIC) {
            throw new IOException("no class file: it does not begin with CAFEBABE");
        }
        in.skipNBytes(4);                                   // minor and major version
        pool = ConstantPool.read(in);
        in.skipNBytes(2);                                   // access flags
        name = pool.className(in.readUnsignedShort());
        in.skipNBytes(2);                                   // superclass, a class constant
        in.skipNBytes(2L * in.readUnsignedShort());         // interfaces, class constants as well
        pool.mentioned(mentioned);
        readMembers(in, false);
        readMembers(in, true);
        readAttributes(in, annotations);
    }

    /// Reads one class file.
    static ClassFile parse(byte[] bytes) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            return new ClassFile(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Reads every class file below a folder, in the order of their names, module descriptors left
    /// out.
    static List<ClassFile> below(Path folder) {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(folder)) {
            files = walk.filter(f -> f.toString().endsWith(".class"))
                    .filter(f -> !f.endsWith("module-info.class"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<ClassFile> classes = new ArrayList<>(files.size());
        for (Path file : files) {
            try {
                classes.add(parse(Files.readAllBytes(file)));
            } catch (IOException | UncheckedIOException e) {
                throw new IllegalArgumentException("cannot read " + file, e);
            }
        }
        return classes;
    }

    /// The binary name, as in `dev.polder.zone.Zone$Entry`.
    String name() {
        return name;
    }

    /// The name of the package, empty for the unnamed one.
    String packageName() {
        return packageOf(name);
    }

    /// The class's name without its package.
    String simpleName() {
        return name.substring(name.lastIndexOf('.') + 1);
    }

    /// The binary names of all classes that this one mentions, itself among them.
    NavigableSet<String> mentioned() {
        return mentioned;
    }

    List<Annotation> annotations() {
        return annotations;
    }

    List<Method> methods() {
        return methods;
    }

    static String packageOf(String className) {
        int dot = className.lastIndexOf('.');
        return dot < 0 ? "" : className.substring(0, dot);
    }

    private void readMembers(DataInputStream in, boolean areMethods) throws IOException {
        int count = in.readUnsignedShort();
        for (int i = 0; i < count; i++) {
            in.skipNBytes(2);                               // access flags
            String memberName = pool.utf8(in.readUnsignedShort());
            Descriptors.addClasses(pool.utf8(in.readUnsignedShort()), mentioned);
            List<Annotation> found = new ArrayList<>();
            readAttributes(in, found);
            if (areMethods) {
                methods.add(new Method(memberName, found));
            }
        }
    }

    private void readAttributes(DataInputStream in, List<Annotation> found) throws IOException {
        int count = in.readUnsignedShort();
        for (int i = 0; i < count; i++) {
            String attribute = pool.utf8(in.readUnsignedShort());
            int length = in.readInt();
            switch (attribute) {
                case "Signature" ->
                    Descriptors.addClasses(pool.utf8(in.readUnsignedShort()), mentioned);
                case "RuntimeVisibleAnnotations", "RuntimeInvisibleAnnotations" -> {
                    int annotationCount = in.readUnsignedShort();
                    for (int a = 0; a < annotationCount; a++) {
                        found.add(readAnnotation(in));
                    }
                }
                case "Record" -> readComponents(in);
                default -> in.skipNBytes(Integer.toUnsignedLong(length));
            }
        }
    }

    private void readComponents(DataInputStream in) throws IOException {
        int count = in.readUnsignedShort();
        for (int i = 0; i < count; i++) {
            in.skipNBytes(2);                               // name
            Descriptors.addClasses(pool.utf8(in.readUnsignedShort()), mentioned);
            readAttributes(in, new ArrayList<>());
        }
    }

    private Annotation readAnnotation(DataInputStream in) throws IOException {
        String descriptor = pool.utf8(in.readUnsignedShort());
        Descriptors.addClasses(descriptor, mentioned);
        Map<String, List<String>> strings = new LinkedHashMap<>();
        int count = in.readUnsignedShort();
        for (int i = 0; i < count; i++) {
            String element = pool.utf8(in.readUnsignedShort());
            List<String> values = new ArrayList<>();
            readValue(in, values);
            strings.put(element, List.copyOf(values));
        }
        String type = descriptor.substring(1, descriptor.length() - 1).replace('/', '.');
        return new Annotation(type, strings);
    }

    /// Reads one element value (JVMS 4.7.16.1) and keeps it when it is a string or an array of
    /// them.
    private void readValue(DataInputStream in, List<String> values) throws IOException {
        int tag = in.readUnsignedByte();
        switch (tag) {
            case 's' -> values.add(pool.utf8(in.readUnsignedShort()));
            case 'e' -> {
                Descriptors.addClasses(pool.utf8(in.readUnsignedShort()), mentioned);
                in.skipNBytes(2);
            }
            case 'c' -> Descriptors.addClasses(pool.utf8(in.readUnsignedShort()), mentioned);
            case '@' -> readAnnotation(in);
            case '[' -> {
                int count = in.readUnsignedShort();
                for (int i = 0; i < count; i++) {
                    readValue(in, values);
                }
            }
            default -> in.skipNBytes(2);                    // a number, a character, a boolean
        }
    }
}
