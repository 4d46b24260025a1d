package dev.polder.lockdep;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Which `java` a command line means, and whether the agent can run in it.
final class JavaCommand {
    /// The transformer is written with `java.lang.classfile`, which became final in this release.
    static final int OLDEST = 25;

    private static final Pattern VERSION = Pattern.compile("version \"(?:1\\.)?(\\d+)");

    private JavaCommand() {}

    /// The command to start for the first word of a command line. The bare word `java` is this
    /// process's own where that on the PATH is too old, and this is told; a path is what it is.
    ///
    /// @throws IllegalArgumentException when it is no java, or one that is too old
    static String resolve(String word, Consumer<String> notes)
            throws IOException, InterruptedException {
        Path path = Path.of(word);
        String name = String.valueOf(path.getFileName());
        if (!name.equals("java") && !name.equals("java.exe")) {
            throw new IllegalArgumentException("'" + word + "' is not java; for a script, set "
                    + "JAVA_TOOL_OPTIONS=-javaagent:polder-lockdep.jar=... around it");
        }
        int release = release(word);
        if (release >= OLDEST) {
            return word;
        }
        boolean bare = path.getNameCount() == 1 && !path.isAbsolute();
        if (bare && Runtime.version().feature() >= OLDEST) {
            String own = Path.of(System.getProperty("java.home"), "bin", "java").toString();
            notes.accept((release == 0 ? "no java on the PATH" : "java is release " + release)
                    + "; running the program with " + own);
            return own;
        }
        throw new IllegalArgumentException((release == 0 ? "'" + word + "' does not run"
                : word + " is release " + release)
                + "; the agent needs a JVM of release " + OLDEST + " or newer. What it watches may "
                + "be compiled for any release, so run the program with a newer java; on JVMs from "
                + "17 on the checker works without the agent, see docs/lockdep.md");
    }

    /// The release of a java command; 0 when it cannot be started.
    private static int release(String java) throws InterruptedException {
        try {
            Process process = new ProcessBuilder(java, "-version")
                    .redirectErrorStream(true).start();
            process.getOutputStream().close();
            String said = new String(process.getInputStream().readAllBytes(),
                    Charset.defaultCharset());
            process.waitFor();
            Matcher version = VERSION.matcher(said);
            return version.find() ? Integer.parseInt(version.group(1)) : 0;
        } catch (IOException e) {
            return 0;
        }
    }
}
