package dev.polder.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// Recorded rows that a module's tests compare with nothing, and why: a record of the resource
/// `left-out.csv`. What is not there is compared, and the tests count it.
///
/// @param file the recording
/// @param rows how many of its rows
/// @param column the one column that is left out in these rows; empty if they are left out whole
/// @param reason why
public record LeftOut(String file, int rows, String column, String reason) {

    static final String FILE = "left-out.csv";

    /// Those of the module whose tests run.
    public static List<LeftOut> here() {
        try (InputStream in = LeftOut.class.getResourceAsStream("/" + FILE)) {
            if (in == null) {
                throw new IllegalStateException("this module's tests have no resource " + FILE);
            }
            return of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + FILE, e);
        }
    }

    /// Those in the file's text.
    static List<LeftOut> of(String csv) {
        return Csv.rows(FILE, csv).stream().map(r -> new LeftOut(r.get("file"),
                Integer.parseInt(r.get("rows")), r.get("column"), r.get("reason"))).toList();
    }
}
