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
    private boolean ended;

    Output(Options options, Findings findings) {
        this.options = options;
        this.findings = findings;
    }

    /// The agent is ready. What an earlier run left in the report's file is none of this one's.
    synchronized void begin() {
        status();
        if (options.report() != null) {
            report(options.report());
        }
    }

    /// One more finding, or one more that is suppressed. Called with the program's locks held.
    synchronized void found() {
        if (ended) {
            return;
        }
        Path report = options.report();
        if (report != null) {
            report(report);
        } else if (!findings.reports().isEmpty()) {
            int last = findings.reports().size() - 1;
            standardError(TextReport.of(findings.reports().get(last)));
        }
        status();
    }

    /// The JVM ends. Threads of the program may run on until it has: what they find now is not
    /// written, because the JVM would not wait for them to finish the file.
    synchronized void end() {
        ended = true;
        Path report = options.report();
        if (report != null) {
            report(report);
        } else {
            standardError("polder-lockdep: " + findings.reports().size() + " reports\n  "
                    + String.join("\n  ", findings.notes()) + "\n");
        }
        status();
    }

    private void report(Path file) {
        write(file, file.toString().endsWith(".json")
                ? JsonReport.of(findings) : findings.text());
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
