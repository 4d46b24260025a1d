package dev.polder.lockdep.agent;

import java.io.File;
import java.lang.instrument.Instrumentation;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/// The entry of `-javaagent:polder-lockdep.jar=OPTIONS` and of a dynamic attach.
///
/// This class is loaded from the class path. It puts its own jar on the bootstrap class path first
/// and only then touches another class of the agent, so that all others are the bootstrap loader's:
/// the one place that every class of the program can see, whatever its loader.
public final class Agent {
    private Agent() {}

    /// At the start of the JVM.
    public static void premain(@Nullable String options, Instrumentation instrumentation)
            throws Exception {
        start(options, instrumentation, false);
    }

    /// In a running JVM.
    public static void agentmain(@Nullable String options, Instrumentation instrumentation)
            throws Exception {
        start(options, instrumentation, true);
    }

    private static void start(
            @Nullable String options, Instrumentation instrumentation, boolean attached)
            throws Exception {
        File jar = new File(
                Agent.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        instrumentation.appendToBootstrapClassLoaderSearch(new JarFile(jar));
        AgentMain.start(options == null ? "" : options, instrumentation, attached, jar.toPath());
    }
}
