package dev.polder.cli.load;

import dev.polder.cli.json.Json;
import java.io.IOException;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a policy's process tells its parent: one line of JSON on its standard output.
///
/// @param kind what it is about
/// @param values what it says
public record Event(Kind kind, Map<String, @Nullable Object> values) {

    /// What an event is about.
    public enum Kind {
        /// Something moved: `text`.
        PROGRESS,
        /// A sample over time.
        SAMPLE,
        /// The lock checker found something: `text`.
        FINDING,
        /// No operation ends any more and the wait chain closes: `text`, and the figures so far.
        DEADLOCK,
        /// The run is over: its figures.
        RESULT,
        /// An ordinary reason to stop: `text`.
        CANNOT,
        /// The process did what it was started for.
        DONE
    }

    private static final String KIND = "event";

    /// An event with one text.
    public static Event text(Kind kind, String text) {
        Map<String, @Nullable Object> values = new LinkedHashMap<>();
        values.put("text", text);
        return new Event(kind, values);
    }

    /// The event on a line of text.
    ///
    /// @return null when the line is none: something else wrote to the output
    public static @Nullable Event parse(String line) {
        try {
            Map<String, @Nullable Object> values = Json.parse(line);
            Object kind = values.remove(KIND);
            return kind == null ? null : new Event(Kind.valueOf(kind.toString()), values);
        } catch (IOException | IllegalArgumentException e) {
            return null;
        }
    }

    /// Writes the event to the parent, as one line.
    public void send(PrintStream out) {
        Map<String, @Nullable Object> all = new LinkedHashMap<>();
        all.put(KIND, kind.name());
        all.putAll(values);
        synchronized (out) {
            out.println(Json.line(all));
            out.flush();
        }
    }

    /// The event's text; empty when it has none.
    public String text() {
        Object text = values.get("text");
        return text == null ? "" : text.toString();
    }
}
