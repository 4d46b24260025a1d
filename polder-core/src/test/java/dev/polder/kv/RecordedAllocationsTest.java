package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.kv.Recording.Deviation;
import dev.polder.kv.Recording.Line;
import dev.polder.page.Role;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.ScopeProgram;
import dev.polder.vmalloc.VmallocRig.Request;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What vmalloc and kvmalloc ask of the page allocator, compared with recordings of a kernel.
@Tag("remapping")
@Timeout(120)
class RecordedAllocationsTest {
    private static final int LARGE_ORDER = 9;

    private final Map<String, Deviation> deviations = Recording.deviations();

    @Test
    void exactlyTheRowsThatARuleChangesStandInTheList() throws IOException {
        try (InputStream in = Objects.requireNonNull(
                getClass().getResourceAsStream("/deviations.csv"))) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            assertThat(text.lines()).containsAll(Recording.csv().lines().toList());
            String ours = "(" + Recording.REQUESTS + "|" + Recording.DECISIONS + "|"
                    + Recording.INJECTED + "),.*,(H4|H5|H16|I2|I3),.*";
            assertThat(text.lines().filter(l -> l.matches(ours))).hasSize(deviations.size());
        }
        assertThat(deviations.values()).extracting(Deviation::rule)
                .containsOnly("H4", "H5", "H16", "I2", "I3");
    }

    /// `page-requests.csv`: page tables, data frames, and kvmalloc's first try.
    @Test
    @Row({"H2", "H3", "H4", "H5", "H16", "I2", "B11"})
    void everyRecordedPageRequestIsMadeWithItsMask() {
        int compared = 0;
        try (KvRig rig = new KvRig(8192)) {
            for (Line l : Recording.requests()) {
                String allocator = l.get("allocator");
                // Base pages, where the kernel took base pages.
                boolean base = allocator.equals("vmalloc_fresh_va(8M)");
                rig.pool.pages.faultInjector((_, order, _) -> base && order > 0);
                rig.pool.taken();
                long a = allocate(rig, l);
                assertThat(a).as("%s", l).isNotZero();
                List<Request> seen = rig.pool.taken();
                compareRequests(l, seen);
                rig.kv.free(a);
                rig.pool.purge();
                compared++;
            }
            rig.pool.pages.faultInjector((_, _, _) -> false);
            rig.assertNothingLeaked();
        }
        assertThat(compared).isGreaterThan(2_500);
    }

    private void compareRequests(Line l, List<Request> seen) {
        Role role = switch (l.get("role")) {
            case "pgtable" -> Role.PGTABLE;
            case "vmalloc-data" -> Role.VMALLOC_DATA;
            default -> Role.KMALLOC_LARGE;
        };
        int entry = ScopeProgram.mask(l.get("gfp_at_entry"));
        int traced = ScopeProgram.mask(l.get("gfp_tracepoint"));
        Deviation d = deviations.get(l.key());
        if (d != null && role == Role.KMALLOC_LARGE) {
            entry = Gfp.parse(d.expected());
            traced = -1;
        } else if (d != null) {
            traced = Gfp.parse(d.expected());
        }
        int used = traced >= 0 ? traced : ScopeProgram.effective(l.get("prog"), entry);
        boolean large = role == Role.VMALLOC_DATA && l.get("order").equals("9");
        List<Request> ofRole = new ArrayList<>(seen);
        ofRole.removeIf(r -> r.role() != role || (large && r.order() < LARGE_ORDER));
        assertThat(ofRole).as("%s", l).isNotEmpty();
        for (Request r : ofRole) {
            assertThat(r.entry()).as("%s", l).isEqualTo(entry);
            assertThat(r.used()).as("%s", l).isEqualTo(used);
        }
    }

    private static long allocate(KvRig rig, Line l) {
        Matcher m = Pattern.compile("(\\w+)\\((\\d+)([KM])\\)").matcher(l.get("allocator"));
        assertThat(m.matches()).as("%s", l).isTrue();
        long size = Long.parseLong(m.group(2)) << (m.group(3).equals("K") ? 10 : 20);
        return ScopeProgram.run(l.get("prog"), () -> m.group(1).startsWith("kv")
                ? rig.kv.alloc(size, l.mask()) : rig.pool.vmalloc.alloc(size, l.mask()));
    }

    /// `kvmalloc-decision.csv`: contiguous or not, and the masks of both tries.
    @Test
    @Row({"I1", "I2", "I3", "I5"})
    void kvmallocGoesTheRecordedWay() {
        int compared = 0;
        for (String env : List.of("normal", "frag")) {
            try (KvRig rig = new KvRig(16_384)) {
                rig.kv.free(rig.kv.alloc(64, Gfp.KERNEL));
                List<Long> warm = warm(rig);
                List<Long> held = env.equals("frag") ? rig.pool.fragment() : List.of();
                for (Line l : Recording.decisions()) {
                    if (l.get("env").equals(env)) {
                        decide(rig, l);
                        compared++;
                    }
                }
                rig.pool.free(held);
                warm.forEach(rig.kv::free);
                rig.assertNothingLeaked();
            }
        }
        assertThat(compared).isGreaterThan(1_400);
    }

    /// An object of each small size stays, so that its slab has free ones.
    private static List<Long> warm(KvRig rig) {
        List<Long> held = new ArrayList<>();
        for (long size = 8; size <= 4096; size *= 2) {
            held.add(rig.kv.alloc(size, Gfp.KERNEL));
        }
        return held;
    }

    private void decide(KvRig rig, Line l) {
        int gfp = l.mask();
        long size = Long.parseLong(l.get("size"));
        Deviation d = deviations.get(l.key());
        String result = d != null && d.rule().equals("I3") ? d.expected() : l.get("result_is");
        if (size > 8192) {
            // What the last one left in a sheaf would serve this one without a request
            rig.slabs.shrinkAll();
        }
        rig.pool.taken();
        long a = ScopeProgram.run(l.get("scope"), () -> rig.kv.alloc(size, gfp));
        assertThat(a).as("%s", l).isNotZero();
        assertThat(rig.kv.isVmalloc(a)).as("%s", l).isEqualTo(result.equals("vmalloc"));
        List<Request> seen = rig.pool.taken();
        if (size > 8192) {
            int first = d != null && d.rule().equals("I2") ? Gfp.parse(d.expected())
                    : KvAllocator.firstTry(gfp);
            assertThat(seen.getFirst().role()).isEqualTo(Role.KMALLOC_LARGE);
            assertThat(seen.getFirst().entry()).as("%s", l).isEqualTo(first);
            String order = l.get("kmalloc_attempt_order");
            assertThat(seen.getFirst().order()).as("%s", l).isEqualTo(Integer.parseInt(order));
        }
        compareData(l, gfp, seen);
        rig.kv.free(a);
        rig.pool.purge();
    }

    /// Recorded and seen data requests follow the same rule: the caller's mask with NOWARN, and
    /// large runs without NOFAIL. Which orders there are is each one's own affair.
    private static void compareData(Line l, int gfp, List<Request> seen) {
        int base = gfp | Gfp.NOWARN;
        for (String recorded : l.get("vmalloc_data_gfp").split(";", -1)) {
            if (!recorded.isEmpty()) {
                assertThat(ScopeProgram.mask(recorded)).as("%s", l)
                        .isIn(base, base & ~Gfp.NOFAIL);
            }
        }
        for (Request r : seen) {
            if (r.role() == Role.VMALLOC_DATA) {
                assertThat(r.entry()).as("%s", l)
                        .isEqualTo(r.order() >= LARGE_ORDER ? base & ~Gfp.NOFAIL : base);
            }
        }
    }

    /// `injected-failures.csv`: with all page requests failing, or all but single frames, or the
    /// first few.
    @Test
    @Row({"H8", "H9", "I3", "L1"})
    void itFailsAndSucceedsWhereTheKernelDid() {
        int compared = 0;
        try (KvRig rig = new KvRig(8192)) {
            List<Long> warm = warm(rig);
            for (Line l : Recording.injected()) {
                String env = l.get("env");
                int from = env.endsWith("order>=1") ? 1 : 0;
                int[] left = {Integer.MAX_VALUE};
                Matcher m = Pattern.compile(".*:first-(\\d+):.*").matcher(env);
                if (m.matches()) {
                    left[0] = Integer.parseInt(m.group(1));
                }
                rig.pool.pages.faultInjector((_, order, _) -> order >= from && left[0]-- > 0);
                long a = allocate(rig, l);
                boolean ok = l.get("ok").equals("1") || deviations.containsKey(l.key());
                assertThat(a != 0).as("%s", l).isEqualTo(ok);
                if (a != 0) {
                    boolean mapped = l.get("is_vmalloc").equals("1")
                            || deviations.containsKey(l.key());
                    assertThat(rig.kv.isVmalloc(a)).as("%s", l).isEqualTo(mapped);
                    rig.kv.free(a);
                }
                rig.pool.purge();
                compared++;
            }
            rig.pool.pages.faultInjector((_, _, _) -> false);
            warm.forEach(rig.kv::free);
            rig.assertNothingLeaked();
        }
        assertThat(compared).isGreaterThan(2_000);
    }
}
