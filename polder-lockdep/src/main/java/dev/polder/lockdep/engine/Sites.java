package dev.polder.lockdep.engine;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Places in the program's code, each behind a small number that instrumented code passes along.
public final class Sites {
    /// A place: where a lock is taken or created.
    ///
    /// @param className the class, as `Class.getName()` gives it
    /// @param method the method
    /// @param line the line, 0 when unknown
    /// @param field the field that the lock was read from or is stored in, as "pkg.Class.field";
    ///     empty when it was none
    /// @param ordinal which lock of this method it is, from 0: tells locks apart without lines
    public record Site(String className, String method, int line, String field, int ordinal) {
        /// "Class.method:line" without the package.
        String place() {
            String simple = className.substring(className.lastIndexOf('.') + 1);
            return simple + "." + method + (line > 0 ? ":" + line : "");
        }
    }

    private final Map<Site, Integer> ids = new HashMap<>();
    private volatile Site[] sites = new Site[64];
    private int used = 1; // 0 stands for "unknown"

    /// The number of a place; the same one for an equal place.
    public synchronized int add(Site site) {
        Integer known = ids.get(site);
        if (known != null) {
            return known;
        }
        Site[] s = sites;
        if (used == s.length) {
            s = Arrays.copyOf(s, 2 * used);
        }
        s[used] = site;
        sites = s; // publishes the element, too
        ids.put(site, used);
        return used++;
    }

    @Nullable Site get(int id) {
        Site[] s = sites;
        return id > 0 && id < s.length ? s[id] : null;
    }

    String place(int id) {
        Site s = get(id);
        return s == null ? "" : s.place();
    }
}
