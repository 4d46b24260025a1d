package dev.polder.lockdep.agent;

import java.io.File;
import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.util.Collections;
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
        File jar = jar();
        instrumentation.appendToBootstrapClassLoaderSearch(new JarFile(jar));
        AgentMain.start(options == null ? "" : options, instrumentation, attached, jar.toPath());
    }

    /// The agent's jar. The program's class path comes before it, so this class may have come from
    /// a folder there: of an IDE, or a build's own tests.
    private static File jar() throws IOException, URISyntaxException {
        String own = Agent.class.getName().replace('.', '/') + ".class";
        for (URL found : Collections.list(ClassLoader.getSystemResources(own))) {
            if (found.openConnection() instanceof JarURLConnection inJar) {
                return new File(inJar.getJarFileURL().toURI());
            }
        }
        throw new IOException("the agent's jar is not on the class path");
    }
}
