package dev.polder.lockdep.agent;

import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.Hooks;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.instruction.ReturnInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.instrument.Instrumentation;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/// Installs the Polder tracker in every copy of `polder-scope` that the program loads.
///
/// The tracker implements an interface of the program's, so it cannot be the bootstrap loader's: it
/// is defined by a small loader of its own, below the one that has `polder-scope`, which takes the
/// tracker's package from the agent's jar and everything else from its parent.
public final class PolderBridge {
    /// The class of `polder-scope` whose initialisation is waited for.
    static final String PORT = "dev/polder/gfp/FsReclaim";

    private static final String TRACKER_PACKAGE = "dev.polder.lockdep.polder.";
    private static @Nullable PolderBridge installed;

    private final Instrumentation instrumentation;
    private final Path jar;
    private final Advisor advisor;
    private final int force;

    PolderBridge(Instrumentation instrumentation, Path jar, Advisor advisor, int force) {
        this.instrumentation = instrumentation;
        this.jar = jar;
        this.advisor = advisor;
        this.force = force;
        installed = this;
    }

    /// The port's class with a call to `loaded` at the end of its initialiser.
    byte[] weave(byte[] bytes) {
        ClassFile classFile = ClassFile.of();
        ClassDesc self = ClassDesc.of(PORT.replace('/', '.'));
        boolean[] done = {false};
        ClassTransform before = ClassTransform.transformingMethodBodies(
                m -> m.methodName().equalsString("<clinit>"), (code, element) -> {
                    if (element instanceof ReturnInstruction) {
                        call(code, self);
                        done[0] = true;
                    }
                    code.with(element);
                });
        return classFile.transformClass(classFile.parse(bytes),
                before.andThen(ClassTransform.endHandler(builder -> {
                    if (!done[0]) {
                        builder.withMethodBody(ConstantDescs.CLASS_INIT_NAME,
                                MethodTypeDesc.of(ConstantDescs.CD_void), ClassFile.ACC_STATIC,
                                code -> {
                                    call(code, self);
                                    code.return_();
                                });
                    }
                })));
    }

    private static void call(CodeBuilder code, ClassDesc self) {
        code.loadConstant(self);
        code.invokestatic(ClassDesc.of(PolderBridge.class.getName()), "loaded",
                MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_Class));
    }

    /// Called by the port's class when it is initialised.
    public static void loaded(Class<?> port) {
        PolderBridge bridge = installed;
        if (bridge != null) {
            try {
                bridge.install(port);
            } catch (ReflectiveOperationException | IOException | LinkageError e) {
                Output.standardError("polder-lockdep: Polder's allocations are not seen: " + e
                        + "\n");
            }
        }
    }

    private void install(Class<?> port) throws ReflectiveOperationException, IOException {
        ClassLoader parent = port.getClassLoader();
        ClassLoader below = new TrackerLoader(parent, jar);
        Module scope = port.getModule();
        if (scope.isNamed()) {
            instrumentation.redefineModule(scope, Set.of(),
                    Map.of("dev.polder.task", Set.of(below.getUnnamedModule())), Map.of(),
                    Set.of(), Map.of());
        }
        Class<?> wiring = Class.forName(TRACKER_PACKAGE + "Wiring", true, below);
        Method install = wiring.getMethod(
                "install", Hooks.ENGINE.getClass(), Advisor.class, int.class);
        install.invoke(null, Hooks.ENGINE, advisor, force);
    }

    /// Defines the tracker's package itself.
    private static final class TrackerLoader extends ClassLoader {
        private final Path jar;

        TrackerLoader(ClassLoader parent, Path jar) {
            super("polder-lockdep-tracker", parent);
            this.jar = jar;
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.startsWith(TRACKER_PACKAGE)) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                return loaded != null ? loaded : define(name);
            }
        }

        private Class<?> define(String name) throws ClassNotFoundException {
            String entry = name.replace('.', '/') + ".class";
            try (JarFile file = new JarFile(jar.toFile());
                    InputStream in = file.getInputStream(file.getEntry(entry))) {
                byte[] bytes = in.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException | NullPointerException missing) {
                throw new ClassNotFoundException(name, missing);
            }
        }
    }
}
