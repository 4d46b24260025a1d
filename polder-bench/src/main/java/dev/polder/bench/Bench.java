package dev.polder.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.runner.RunnerException;

/// The command: measures the suites that are named and prints tables.
public final class Bench {
    private static final String PROCESSORS = "/proc/cpuinfo";

    private Bench() {}

    /// `bench [options] suite...`
    public static void main(String[] arguments) throws IOException, RunnerException {
        Settings settings;
        try {
            settings = Settings.parse(List.of(arguments));
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            System.exit(2);
            return;
        }
        run(settings, List.of(arguments), System.out);
    }

    /// Measures and reports.
    static void run(Settings settings, List<String> arguments, PrintStream out)
            throws IOException, RunnerException {
        List<Samples> samples = new Rounds(settings, out).measure(settings.rows());
        Report report = new Report(circumstances(arguments), samples);
        out.println(report.markdown());
        if (!settings.out().isEmpty()) {
            Path folder = Files.createDirectories(Path.of(settings.out()));
            Files.writeString(folder.resolve("bench.md"), report.markdown());
            Files.writeString(folder.resolve("bench.json"), report.json());
        }
    }

    private static Map<String, String> circumstances(List<String> arguments) throws IOException {
        Map<String, String> out = new LinkedHashMap<>();
        out.put("date", LocalDate.now(ZoneOffset.UTC).toString());
        out.put("processor", Runtime.getRuntime().availableProcessors() + " × " + processor());
        out.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        out.put("JDK", System.getProperty("java.vm.vendor") + " " + Runtime.version());
        out.put("command", "./polder-bench/bench " + String.join(" ", arguments));
        return out;
    }

    private static String processor() throws IOException {
        if (!Files.isReadable(Path.of(PROCESSORS))) {
            return System.getProperty("os.arch");
        }
        return Files.readAllLines(Path.of(PROCESSORS)).stream()
                .filter(line -> line.startsWith("model name"))
                .map(line -> line.substring(line.indexOf(':') + 1).strip()).findFirst()
                .orElse(System.getProperty("os.arch"));
    }
}
