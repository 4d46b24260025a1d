package dev.polder.kv;

import dev.polder.gfp.Gfp;
import dev.polder.testkit.Truth;
import dev.polder.testkit.TruthRow;
import dev.polder.vmalloc.ScopeProgram;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The recorded rows about vmalloc and kvmalloc, and what a newer rule makes of them.
///
/// A row whose expected value a rule changes is a deviation: `file,row,rule,expected`. They stand
/// in the resource `deviations.csv`, and a test sees to it that exactly those do.
final class Recording {
    static final String REQUESTS = "page-requests.csv";
    static final String DECISIONS = "kvmalloc-decision.csv";
    static final String INJECTED = "injected-failures.csv";

    /// One recorded row.
    ///
    /// @param number 1 for the first after the header
    record Line(String file, int number, TruthRow row) {
        String get(String column) {
            return row.get(column);
        }

        int mask() {
            return ScopeProgram.mask(get("mask"));
        }

        String key() {
            return file + "," + number;
        }

        @Override
        public String toString() {
            return key() + " " + row.values();
        }
    }

    /// By which rule, and to what, a row's value changes.
    record Deviation(String rule, String expected) {}

    private Recording() {}

    /// The rows of a file whose masks exist here.
    static List<Line> lines(String file) {
        List<Line> lines = new ArrayList<>();
        int number = 0;
        for (TruthRow row : Truth.rows(file)) {
            number++;
            if (ScopeProgram.known(row.get("mask"))) {
                lines.add(new Line(file, number, row));
            }
        }
        return lines;
    }

    /// Rows about page requests of vmalloc and kvmalloc, but those for the kernel's own descriptors
    /// and arrays of pages, which are not needed here.
    static List<Line> requests() {
        return lines(REQUESTS).stream()
                .filter(l -> l.get("allocator").contains("vmalloc"))
                .filter(l -> List.of("pgtable", "vmalloc-data", "kmalloc-large")
                        .contains(l.get("role")))
                .toList();
    }

    /// Rows about which way kvmalloc went, but those in which the recorded machine, fragmented, had
    /// a free object or run left.
    static List<Line> decisions() {
        return lines(DECISIONS).stream()
                .filter(l -> l.get("env").equals("normal") || l.get("result_is").equals("vmalloc")
                        || l.get("result_is").equals("NULL")
                        || Long.parseLong(l.get("size")) <= 4096)
                .toList();
    }

    /// Rows about failures forced on vmalloc and kvmalloc: all, or the first few of a request that
    /// may not fail. How many requests a request that may fail makes is the kernel's own affair.
    static List<Line> injected() {
        return lines(INJECTED).stream()
                .filter(l -> l.get("allocator").contains("vmalloc"))
                .filter(l -> l.get("env").startsWith("page_alloc:all:")
                        || (l.get("env").contains(":first-") && (l.mask() & Gfp.NOFAIL) != 0))
                .toList();
    }

    /// All deviations, by row.
    static Map<String, Deviation> deviations() {
        Map<String, Deviation> found = new LinkedHashMap<>();
        for (Line l : requests()) {
            if (l.get("role").equals("pgtable")) {
                ofPageTable(l, found);
            } else if (l.get("role").equals("kmalloc-large")) {
                ofFirstTry(l, l.get("gfp_at_entry"), found);
            }
        }
        for (Line l : decisions()) {
            String tried = l.get("kmalloc_attempt_gfp");
            if (l.get("result_is").equals("NULL")) {
                found.put(l.key(), new Deviation("I3", "vmalloc"));
            } else if (!tried.isEmpty() && !tried.contains(";")) {
                ofFirstTry(l, tried, found);
            }
        }
        for (Line l : injected()) {
            boolean large = l.get("allocator").matches("kvmalloc\\((256K|8M)\\)");
            if (large && l.get("env").endsWith("order>=1") && l.get("ok").equals("0")) {
                found.put(l.key(), new Deviation("I3", "vmalloc"));
            }
        }
        return found;
    }

    /// H4 and H16: a noreclaim scope, which edits no mask, instead of NOIO or nothing; H5, mended:
    /// FS without IO gets NOIO.
    private static void ofPageTable(Line l, Map<String, Deviation> found) {
        int gfp = l.mask();
        String prog = l.get("prog");
        int recorded = ScopeProgram.mask(l.get("gfp_tracepoint"));
        int expected = ScopeProgram.effective(prog, Gfp.KERNEL | Gfp.ZERO);
        String rule = "H4";
        if ((gfp & Gfp.DIRECT_RECLAIM) == 0) {
            rule = "H16";
        } else if ((gfp & (Gfp.NORETRY | Gfp.RETRY_MAYFAIL)) == 0) {
            rule = "H5";
            expected &= (gfp & Gfp.IO) == 0 ? ~(Gfp.IO | Gfp.FS) : gfp | ~Gfp.FS;
        }
        if (recorded != expected) {
            found.put(l.key(), new Deviation(rule, Gfp.toString(expected)));
        }
    }

    /// I2: DIRECT_RECLAIM is taken away instead of NORETRY being added.
    private static void ofFirstTry(Line l, String recorded, Map<String, Deviation> found) {
        int gfp = l.mask();
        int expected = (gfp | Gfp.NOWARN) & ~Gfp.NOFAIL;
        if ((gfp & Gfp.RETRY_MAYFAIL) == 0) {
            expected &= ~Gfp.DIRECT_RECLAIM;
        }
        if (ScopeProgram.mask(recorded) != expected) {
            found.put(l.key(), new Deviation("I2", Gfp.toString(expected)));
        }
    }

    /// The text of `deviations.csv`.
    static String csv() {
        StringBuilder out = new StringBuilder("file,row,rule,expected\n");
        deviations().forEach((key, d) -> out.append(key).append(',').append(d.rule()).append(',')
                .append(d.expected()).append('\n'));
        return out.toString();
    }
}
