package dev.polder.kv;

import dev.polder.gfp.Gfp;
import dev.polder.testkit.Truth;
import dev.polder.testkit.TruthRow;
import dev.polder.vmalloc.ScopeProgram;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The recorded rows about vmalloc and kvmalloc, and what a newer rule makes of them.
///
/// A row whose expected value a rule changes is a deviation: `file,row,rule,expected`. They stand
/// in the resource `deviations.csv`, and a test sees to it that exactly those do.
public final class Recording {
    static final String REQUESTS = "page-requests.csv";
    static final String DECISIONS = "kvmalloc-decision.csv";
    static final String INJECTED = "injected-failures.csv";

    /// One recorded row.
    ///
    /// @param number 1 for the first after the header
    public record Line(String file, int number, TruthRow row) {
        public String get(String column) {
            return row.get(column);
        }

        public int mask() {
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

    private static final List<String> MADE_HERE =
            List.of("pgtable", "vmalloc-data", "kmalloc-large");
    private static final Pattern FIRST_FEW = Pattern.compile(".*:first-(\\d+):.*");

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

    /// Rows about page requests of vmalloc and kvmalloc that are made here, too.
    static List<Line> requests() {
        return lines(REQUESTS).stream()
                .filter(l -> l.get("allocator").contains("vmalloc"))
                .filter(l -> MADE_HERE.contains(l.get("role")))
                .toList();
    }

    /// Rows about pages that were asked for as such.
    static List<Line> pages() {
        return lines(REQUESTS).stream().filter(l -> l.get("role").equals("direct")).toList();
    }

    /// Rows about the page requests of slabs and of large objects.
    public static List<Line> objects() {
        return lines(REQUESTS).stream()
                .filter(l -> !l.get("allocator").contains("vmalloc"))
                .filter(l -> !l.get("role").equals("direct"))
                .toList();
    }

    /// Rows about which way kvmalloc went.
    static List<Line> decisions() {
        return lines(DECISIONS);
    }

    /// Rows about failures forced on vmalloc and kvmalloc: all page requests, or the first few.
    static List<Line> injected() {
        return lines(INJECTED).stream()
                .filter(l -> l.get("allocator").contains("vmalloc"))
                .filter(l -> l.get("env").startsWith("page_alloc:all:") || firstFew(l) > 0)
                .filter(l -> leftOut(l).isEmpty())
                .toList();
    }

    /// Rows about failures forced on pages, `kmalloc` and fresh caches.
    static List<Line> failedPages() {
        return lines(INJECTED).stream()
                .filter(l -> l.get("env").startsWith("page_alloc:"))
                .filter(l -> !l.get("allocator").contains("vmalloc"))
                .toList();
    }

    /// Rows about failing requests for objects.
    static List<Line> failedObjects() {
        return lines(INJECTED).stream()
                .filter(l -> l.get("env").startsWith("failslab:"))
                .filter(l -> leftOut(l).isEmpty())
                .toList();
    }

    /// Rows about a single page table that failed once.
    static List<Line> failedTables() {
        return lines(INJECTED).stream().filter(l -> l.get("env").contains("pagetable")).toList();
    }

    /// How many of the first page requests failed; 0 in other rows.
    static int firstFew(Line l) {
        Matcher m = FIRST_FEW.matcher(l.get("env"));
        return m.matches() ? Integer.parseInt(m.group(1)) : 0;
    }

    /// Why a row has nothing to be compared with; empty if it has. The reasons stand with their
    /// counts in the resource `left-out.csv`.
    static String leftOut(Line l) {
        return switch (l.file()) {
            case REQUESTS -> switch (l.get("role")) {
                case "vmalloc-pagearray" -> "an area's array of pages is a Java array here";
                case "vmap-meta" -> "the nodes of the tree of addresses are Java objects here";
                default -> "";
            };
            case INJECTED -> l.get("ok").equals("0") ? leftOutFailure(l) : "";
            default -> "";
        };
    }

    private static String leftOutFailure(Line l) {
        String allocator = l.get("allocator");
        boolean large = allocator.contains("vmalloc") && allocator.endsWith("(8M)");
        if (l.get("env").startsWith("failslab:") && (large || allocator.startsWith("vmalloc"))) {
            return "the object that failed was an area's descriptor, a Java object here";
        }
        return large && firstFew(l) > 0
                ? "the requests that failed were for the array of pages, a Java array here" : "";
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
