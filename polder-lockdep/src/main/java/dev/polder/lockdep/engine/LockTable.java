package dev.polder.lockdep.engine;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/// Finds the lock class of a lock object.
final class LockTable {
    /*
     * An application class whose instances are locked is one lock class: `synchronized (this)`, a
     * class that implements Lock or extends ReentrantLock. A JDK class is not, or every plain
     * Object that serves as a monitor would be the same lock. Its instances are looked up one by
     * one, by identity, and their lock class is the place where the lock was created, or else the
     * field it was read from when it was first taken, or else the place of that. The first name
     * sticks to the instance, so a lock that is reached through two fields is still one lock.
     *
     * Three levels: what the place found last time, a small cache in the thread's state, then
     * ClassValue or the instance table.
     */
    private static final ClassLoader PLATFORM = ClassLoader.getPlatformClassLoader();

    /// Locks that guard others, each for a reason of its own: not one class, though one Java class.
    private static final String GUARDS = "dev.polder.gfp.Guarded";

    private final Graph graph;
    private final Sites sites;
    private final InstanceTable instances = new InstanceTable();
    private final SiteCache bySite = new SiteCache();
    private final boolean monitorsByClass;

    private final ClassValue<LockInstance> classes = new ClassValue<>() {
        @Override
        protected LockInstance computeValue(Class<?> c) {
            return describe(c);
        }
    };

    LockTable(Graph graph, Sites sites, boolean monitorsByClass) {
        this.graph = graph;
        this.sites = sites;
        this.monitorsByClass = monitorsByClass;
    }

    /// What is known about the lock, which may be a monitor or a `Lock`.
    LockInstance find(HeldLocks h, Object lock, boolean monitor, int site) {
        LockInstance here = bySite.get(site, lock);
        return here != null ? here : findFar(h, lock, monitor, site);
    }

    /// What the places found.
    SiteCache bySite() {
        return bySite;
    }

    /// As `find`, when the place does not know it.
    LockInstance findFar(HeldLocks h, Object lock, boolean monitor, int site) {
        // Monitors are mostly of the program's classes, locks mostly of the JDK's.
        if (!monitor) {
            LockInstance known = h.cached(System.identityHashCode(lock));
            if (known.refersTo(lock) && !known.ofClass) {
                bySite.put(site, known, true);
                return known;
            }
        }
        Class<?> c = lock.getClass();
        int hash = System.identityHashCode(c);
        LockInstance known = h.cached(hash);
        if (!known.refersTo(c) || !known.ofClass) {
            known = classes.get(c);
            h.cache(hash, known);
        }
        if (known.lockClass == null) {
            return instance(h, lock, monitor, site);
        }
        bySite.put(site, known, true);
        return known;
    }

    /// The identity hash that stands for the lock in held stacks.
    static int hashOf(LockInstance known, Object lock) {
        return known.hash != 0 ? known.hash : System.identityHashCode(lock);
    }

    private LockInstance instance(HeldLocks h, Object lock, boolean monitor, int site) {
        int hash = System.identityHashCode(lock);
        LockInstance known = h.cached(hash);
        if (known.refersTo(lock) && !known.ofClass) {
            return known;
        }
        @Nullable LockInstance found = instances.get(lock);
        if (found == null) {
            found = firstSeen(lock, monitor, site);
        }
        h.cache(hash, found);
        bySite.put(site, found, false);
        return found;
    }

    private LockInstance firstSeen(Object lock, boolean monitor, int site) {
        LockClass.Kind kind = monitor ? LockClass.Kind.MONITOR : LockClass.Kind.LOCK;
        String name;
        String place = "";
        Sites.Site s = sites.get(site);
        if (lock instanceof Class<?> type) {
            name = "class " + stableName(type);
        } else if (s == null) {
            name = stableName(lock.getClass()) + " of unknown origin";
        } else {
            name = s.field().isEmpty()
                    ? lock.getClass().getSimpleName() + " first taken in " + s.className() + "#"
                            + s.method() + ordinal(s)
                    : s.field();
            place = "first taken in " + s.place();
        }
        return put(lock, graph.lockClass(kind, name, place), System.identityHashCode(lock), 0);
    }

    /// A lock of a JDK class was created at this place.
    void created(Object lock, int site) {
        Sites.Site s = sites.get(site);
        if (s == null || instances.get(lock) != null) {
            return;
        }
        String name = s.field().isEmpty()
                ? lock.getClass().getSimpleName() + " created in " + s.className() + "#"
                        + s.method() + ordinal(s)
                : s.field();
        named(lock, name, "created in " + s.place());
    }

    /// Names a lock: its class is the one of this name.
    void named(Object lock, String name, String place) {
        LockClass c = graph.lockClass(LockClass.Kind.LOCK, name, place);
        int hash = System.identityHashCode(lock);
        put(lock, c, hash, 0);
        if (lock instanceof ReentrantReadWriteLock pair && trusted(lock.getClass())) {
            put(pair.readLock(), c, hash, Mode.SHARED);
            put(pair.writeLock(), c, hash, 0);
        }
    }

    /// A lock that is one side of a pair: it is the same lock as the pair.
    void view(HeldLocks h, Object pair, Object side, boolean shared, int site) {
        int sideHash = System.identityHashCode(side);
        LockInstance cached = h.cached(sideHash);
        if (cached.refersTo(side)) {
            bySite.put(site, cached, true);
            return;
        }
        @Nullable LockInstance known = instances.get(side);
        if (known != null) {
            h.cache(sideHash, known);
            bySite.put(site, known, false);
            return;
        }
        @Nullable LockInstance root = instances.get(pair);
        if (root == null) {
            LockInstance byClass = classes.get(pair.getClass());
            root = byClass.lockClass != null ? byClass : firstSeen(pair, false, site);
        }
        LockClass c = root.lockClass;
        if (c != null) {
            put(side, c, hashOf(root, pair), shared ? Mode.SHARED : 0);
        }
    }

    /// The lock that a condition belongs to, null when it was made unseen.
    @Nullable LockInstance ofCondition(Object condition) {
        return instances.get(condition);
    }

    /// A condition of the lock was made.
    void condition(HeldLocks h, Object lock, Object condition, int site) {
        LockInstance known = find(h, lock, false, site);
        LockClass c = known.lockClass;
        if (c != null && instances.get(condition) == null) {
            put(condition, c, hashOf(known, lock), known.mode);
        }
    }

    private LockInstance put(Object lock, LockClass c, int hash, int mode) {
        return instances.putIfAbsent(
                lock, new LockInstance(
                        lock, c, hash, mode, false, trusted(lock.getClass())));
    }

    /// How the instances of a class are known: by the class, or (no lock class) one by one.
    private LockInstance describe(Class<?> c) {
        boolean pair = ReadWriteLock.class.isAssignableFrom(c);
        boolean isLock = Lock.class.isAssignableFrom(c);
        boolean named = (isLock || pair) ? c.getName().startsWith(GUARDS) : !monitorsByClass;
        boolean oneByOne = named || trusted(c) || c.isArray();
        if (oneByOne) {
            return new LockInstance(c, null, 0, 0, true, trusted(c));
        }
        LockClass.Kind kind = isLock || pair ? LockClass.Kind.LOCK : LockClass.Kind.MONITOR;
        return new LockInstance(
                c, graph.lockClass(kind, stableName(c), ""), 0, 0, true, false);
    }

    private static boolean trusted(Class<?> c) {
        ClassLoader loader = c.getClassLoader();
        return loader == null || PLATFORM.equals(loader);
    }

    /// A name that is the same in every run: hidden classes and proxies are numbered by chance.
    static String stableName(Class<?> c) {
        String name = c.getTypeName();
        int hidden = name.indexOf("/0x");
        if (hidden >= 0) {
            name = name.substring(0, hidden);
        }
        int lambda = name.indexOf("$$Lambda");
        if (lambda >= 0) {
            name = name.substring(0, lambda + "$$Lambda".length());
        }
        return java.lang.reflect.Proxy.isProxyClass(c) ? "proxy of " + interfaces(c) : name;
    }

    private static String interfaces(Class<?> c) {
        StringBuilder text = new StringBuilder();
        for (Class<?> i : c.getInterfaces()) {
            text.append(text.length() == 0 ? "" : ", ").append(i.getName());
        }
        return text.toString();
    }

    private static String ordinal(Sites.Site s) {
        return s.ordinal() == 0 ? "" : "/" + s.ordinal();
    }
}
