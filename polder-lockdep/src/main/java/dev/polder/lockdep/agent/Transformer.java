package dev.polder.lockdep.agent;

import dev.polder.lockdep.engine.Hooks;
import dev.polder.lockdep.rules.Rule;
import java.io.IOException;
import java.io.InputStream;
import java.lang.instrument.ClassFileTransformer;
import java.security.ProtectionDomain;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// Decides which classes are instrumented. A class that cannot be is left as it is, and counted.
final class Transformer implements ClassFileTransformer {
    /// Not application classes, whatever loader defines them; and those that carry Polder's locks
    /// from the caller to the real one, whose callers are instrumented.
    private static final List<String> NEVER = List.of(
            "java/", "javax/", "jdk/", "sun/", "com/sun/", "org/ietf/", "org/w3c/", "org/xml/",
            "dev/polder/lockdep/", "dev/polder/gfp/", "dev/polder/task/");

    private static final ClassLoader PLATFORM = ClassLoader.getPlatformClassLoader();

    private final Options options;
    private final Weaver weaver;
    private final PolderBridge bridge;
    private final AtomicLong transformed = new AtomicLong();
    private final AtomicLong failures = new AtomicLong();
    private volatile String firstFailure = "";

    /// Whether a loader's classes can see the hooks: one that does not ask its parents for them
    /// (some module systems) has its classes left alone. Guarded by itself.
    private final Map<ClassLoader, Boolean> sighted = new WeakHashMap<>();

    Transformer(Options options, List<Rule> rules, PolderBridge bridge) {
        this.options = options;
        this.weaver = new Weaver(Hooks.ENGINE.sites(), rules);
        this.bridge = bridge;
    }

    /// Runs once over a class, so that everything a transformation needs is loaded before one
    /// happens inside another class's loading.
    void warmUp() throws IOException {
        for (String name : List.of("/java/util/concurrent/ArrayBlockingQueue.class",
                "/java/util/Vector.class")) {
            try (InputStream in = Object.class.getResourceAsStream(name)) {
                if (in != null) {
                    weaver.weave(ClassLoader.getPlatformClassLoader(), in.readAllBytes());
                }
            }
        }
    }

    /// Whether a class is to be instrumented, by its name.
    boolean wants(@Nullable ClassLoader loader, @Nullable String name) {
        if (loader == null || name == null || PLATFORM.equals(loader)) {
            return false;
        }
        return !begins(name, NEVER) && !begins(name, options.exclude())
                && (options.include().isEmpty() || begins(name, options.include()));
    }

    private static boolean begins(String name, List<String> prefixes) {
        for (String p : prefixes) {
            if (name.startsWith(p)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public byte @Nullable [] transform(@Nullable ClassLoader loader, @Nullable String name,
            @Nullable Class<?> redefined, @Nullable ProtectionDomain domain, byte[] bytes) {
        try {
            if (PolderBridge.PORT.equals(name) && loader != null) {
                return bridge.weave(bytes);
            }
            if (!wants(loader, name) || loader == null || !sees(loader)) {
                return null;
            }
            byte[] woven = weaver.weave(loader, bytes);
            if (woven != null) {
                transformed.incrementAndGet();
            }
            return woven;
        } catch (Throwable t) {
            if (failures.getAndIncrement() == 0) {
                firstFailure = name + ": " + t;
            }
            return null;
        }
    }

    private boolean sees(ClassLoader loader) {
        synchronized (sighted) {
            Boolean known = sighted.get(loader);
            if (known != null) {
                return known;
            }
        }
        boolean sees;
        try {
            sees = Class.forName(Hooks.class.getName(), false, loader) == Hooks.class;
        } catch (ClassNotFoundException | LinkageError e) {
            sees = false;
        }
        synchronized (sighted) {
            sighted.put(loader, sees);
        }
        return sees;
    }

    long transformed() {
        return transformed.get();
    }

    long failures() {
        return failures.get();
    }

    String firstFailure() {
        return firstFailure;
    }
}
