package dev.polder.lockdep.agent;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Who extends what, by name and without loading a class: asked while a class is being defined,
/// when its parents need not be.
final class Hierarchy {
    private final ClassFile classFile = ClassFile.of();

    /// Direct parents by loader and class name. The loaders are held weakly. Guarded by this.
    private final Map<ClassLoader, Map<String, List<String>>> parents = new WeakHashMap<>();

    /// Whether the class is, extends or implements the named one (internal names).
    boolean isSubclass(ClassLoader loader, ClassModel model, String of) {
        String name = model.thisClass().asInternalName();
        if (name.equals(of)) {
            return true;
        }
        Map<String, List<String>> known = of(loader);
        Set<String> seen = new HashSet<>();
        Deque<String> next = new ArrayDeque<>(directParents(model));
        while (!next.isEmpty()) {
            String parent = next.remove();
            if (parent.equals(of)) {
                return true;
            }
            if (seen.add(parent) && !parent.startsWith("java/")) {
                next.addAll(known.computeIfAbsent(parent, p -> read(loader, p)));
            }
        }
        return false;
    }

    private synchronized Map<String, List<String>> of(ClassLoader loader) {
        return parents.computeIfAbsent(loader, l -> new ConcurrentHashMap<>());
    }

    private List<String> read(ClassLoader loader, String name) {
        try (@Nullable InputStream in = loader.getResourceAsStream(name + ".class")) {
            return in == null ? List.of() : directParents(classFile.parse(in.readAllBytes()));
        } catch (IOException | IllegalArgumentException unreadable) {
            return List.of(); // then it is nobody's subclass, and a rule does not match
        }
    }

    private static List<String> directParents(ClassModel model) {
        List<String> names = new ArrayList<>();
        model.superclass().ifPresent(s -> names.add(s.asInternalName()));
        for (ClassEntry i : model.interfaces()) {
            names.add(i.asInternalName());
        }
        return names;
    }
}
