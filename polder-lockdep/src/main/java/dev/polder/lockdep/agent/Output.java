package dev.polder.lockdep.agent;

import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.JsonReport;
import dev.polder.lockdep.report.TextReport;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// Writes the result: at each finding, because the program may hang right after it, and at the end.
final class Output {
    private final Options options;
    private final Findings findings;

    Output(Options options, Findings findings) {
        this.options = options;
        this.findings = findings;
    }

    /// The agent is ready.
    void begin() {
        status();
    }

    /// One more finding, or one more that is suppressed. Called with the program's locks held.
    synchronized void found() {
        status();
        Path report = options.report();
        if (report != null) {
            write(report, isJson(report) ? JsonReport.of(findings) : findings.text());
        } else if (!findings.reports().isEmpty()) {
            int last = findings.reports().size() - 1;
            standardError(TextReport.of(findings.reports().get(last)));
        }
    }

    /// The JVM ends.
    synchronized void end() {
        status();
        Path report = options.report();
        if (report != null) {
            write(report, isJson(report) ? JsonReport.of(findings) : findings.text());
        } else {
            standardError("polder-lockdep: " + findings.reports().size() + " reports\n  "
                    + String.join("\n  ", findings.notes()) + "\n");
        }
    }

    private static boolean isJson(Path file) {
        return file.toString().endsWith(".json");
    }

    private void status() {
        Path status = options.status();
        if (status != null) {
            write(status, findings.reports().size() + "\n");
        }
    }

    private void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            standardError("polder-lockdep: cannot write " + file + ": " + e + "\n");
        }
    }

    /// Not the program's `System.err`, which may be a class of the program with locks of its own.
    static void standardError(String text) {
        try {
            new FileOutputStream(FileDescriptor.err)
                    .write(text.getBytes(StandardCharsets.UTF_8));
        } catch (IOException nobodyListens) {
            return;
        }
    }
}
