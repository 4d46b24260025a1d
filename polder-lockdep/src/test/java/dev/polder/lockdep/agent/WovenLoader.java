package dev.polder.lockdep.agent;

import dev.polder.lockdep.engine.Hooks;
import dev.polder.lockdep.rules.Rule;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/// Defines the classes of one package with hooks, as the agent would, in this JVM.
final class WovenLoader extends ClassLoader {
    private final String prefix;
    private final Weaver weaver;

    WovenLoader(String prefix, List<Rule> rules) {
        super(WovenLoader.class.getClassLoader());
        this.prefix = prefix;
        this.weaver = new Weaver(Hooks.ENGINE.sites(), rules);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(prefix)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> known = findLoadedClass(name);
            return known != null ? known : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] bytes = in.readAllBytes();
            byte[] woven = weaver.weave(this, bytes);
            byte[] used = woven == null ? bytes : woven;
            return defineClass(name, used, 0, used.length);
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    /// Makes an instance and runs it.
    void run(String className) {
        try {
            ((Runnable) loadClass(className).getDeclaredConstructor().newInstance()).run();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(className, e);
        }
    }
}
