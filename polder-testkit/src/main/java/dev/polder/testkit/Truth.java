package dev.polder.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// Reads the recordings from running kernels: the comma-separated files in the resource folder
/// `truth/`.
///
/// An empty field is the empty string, never null.
public final class Truth {

    /// The recordings.
    public static final List<String> FILES = List.of("masks.csv", "gfp-context.csv",
            "scope-tokens.csv", "page-requests.csv", "kvmalloc-decision.csv", "exhaustion.csv",
            "injected-failures.csv", "lockdep.csv");

    private static final String FOLDER = "/truth/";

    private Truth() {}

    /// All records of one recording in file order, each a map from column name to field.
    ///
    /// @throws IllegalArgumentException when there is no such recording, or a record has another
    ///     number of fields than the header
    public static List<TruthRow> rows(String file) {
        try (InputStream in = Truth.class.getResourceAsStream(FOLDER + file)) {
            if (in == null) {
                throw new IllegalArgumentException("no recording " + FOLDER + file + " found");
            }
            return Csv.rows(file, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + FOLDER + file, e);
        }
    }
}
