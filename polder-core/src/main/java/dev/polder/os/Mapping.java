package dev.polder.os;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One mapping of this process, as Linux lists it in `/proc/self/maps`.
///
/// @param from its first address
/// @param to the first address after it
/// @param offset where in the file it begins, in bytes
/// @param file device and number of the file; `00:00 0` for anonymous memory
public record Mapping(long from, long to, long offset, String file) {
    private static final Path LIST = Path.of("/proc/self/maps");
    /// `7f00-7f01 rw-s 00001000 00:01 1234    /memfd:polder (deleted)`.
    private static final Pattern LINE = Pattern.compile(
            "(\\p{XDigit}+)-(\\p{XDigit}+) \\S+ (\\p{XDigit}+) (\\S+ \\d+).*");

    /// True if the process can read its own mappings.
    public static boolean listed() {
        return Files.isReadable(LIST);
    }

    /// The mappings that lie in a range of addresses, wholly or in part, in ascending order.
    ///
    /// @throws IOException if the list cannot be read
    public static List<Mapping> within(long from, long to) throws IOException {
        List<Mapping> found = new ArrayList<>();
        for (String line : Files.readAllLines(LIST)) {
            Matcher m = LINE.matcher(line);
            if (!m.matches()) {
                throw new IOException("not a line of " + LIST + ": " + line);
            }
            long a = Long.parseUnsignedLong(m.group(1), 16);
            long b = Long.parseUnsignedLong(m.group(2), 16);
            if (Long.compareUnsigned(a, to) < 0 && Long.compareUnsigned(b, from) > 0) {
                long offset = Long.parseUnsignedLong(m.group(3), 16);
                found.add(new Mapping(a, b, offset, m.group(4)));
            }
        }
        return found;
    }
}
