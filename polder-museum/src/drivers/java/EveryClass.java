import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/// Loads and verifies every class of the jars that are named, without initialising one. Prints how
/// many there were and, sorted, which the JVM refused and why.
public final class EveryClass {
    private EveryClass() {}

    public static void main(String[] jars) throws Exception {
        Map<String, String> refused = new TreeMap<>();
        int classes = 0;
        for (String jar : jars) {
            for (String name : names(jar)) {
                classes++;
                try {
                    Class<?> c = Class.forName(name, false, ClassLoader.getSystemClassLoader());
                    c.getDeclaredMethods(); // links, and so verifies, the class
                } catch (LinkageError | ClassNotFoundException | TypeNotPresentException e) {
                    refused.put(name, e.getClass().getSimpleName());
                }
            }
        }
        System.out.println(classes + " classes");
        refused.forEach((name, why) -> System.out.println("refused " + name + " " + why));
    }

    private static List<String> names(String jar) throws Exception {
        List<String> names = new ArrayList<>();
        try (JarFile file = new JarFile(jar)) {
            for (JarEntry e : (Iterable<JarEntry>) file.stream()::iterator) {
                String name = e.getName();
                if (name.endsWith(".class") && !name.startsWith("META-INF/")
                        && !name.endsWith("module-info.class")) {
                    names.add(name.substring(0, name.length() - 6).replace('/', '.'));
                }
            }
        }
        return names;
    }
}
