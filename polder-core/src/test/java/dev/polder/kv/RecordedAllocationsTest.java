package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.debug.FaultInjector;
import dev.polder.gfp.Gfp;
import dev.polder.kv.Recording.Deviation;
import dev.polder.kv.Recording.Line;
import dev.polder.os.PoolMemory;
import dev.polder.page.Role;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.ScopeProgram;
import dev.polder.vmalloc.VmallocRig.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What vmalloc and kvmalloc ask of the page allocator, compared with recordings of a kernel.
@Timeout(120)
class RecordedAllocationsTest {
    private static final int LARGE_ORDER = 9;
    private static final int PAGE_TABLES = Gfp.KERNEL | Gfp.ZERO;

    private final Map<String, Deviation> deviations = Recording.deviations();

    /// `page-requests.csv`: pages that were asked for as such.
    @Test
    @Row({"B11", "D5"})
    void everyRecordedPageIsAskedForWithItsMask() {
        List<Line> lines = Recording.pages();
        try (KvRig rig = new KvRig(1024)) {
            for (Line l : lines) {
                int order = Integer.parseInt(l.get("order"));
                assertThat(l.get("allocator")).isEqualTo("alloc_pages(" + order + ")");
                rig.pool.taken();
                long run = ScopeProgram.run(l.get("prog"),
                        () -> rig.pool.pages.alloc(order, l.mask()));
                int used = ScopeProgram.mask(l.get("gfp_tracepoint"));
                assertThat(rig.pool.taken()).as("%s", l).containsExactly(new Request(Role.DIRECT,
                        order, ScopeProgram.mask(l.get("gfp_at_entry")), used,
                        l.get("pages_got").equals("1")));
                rig.pool.pages.free(run);
            }
            rig.assertNothingLeaked();
        }
        assertThat(lines.size()).isEqualTo(615);
    }

    /// `page-requests.csv`: page tables, data frames, and kvmalloc's first try.
    @Test
    @Tag("remapping")
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
        assertThat(compared).isEqualTo(Recording.requests().size());
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

    /// `kvmalloc-decision.csv`: contiguous or not, and the masks of both tries. In portable mode
    /// the rows that end contiguous.
    @Test
    @Row({"I1", "I2", "I3", "I5"})
    void kvmallocGoesTheRecordedWay() {
        int compared = 0;
        for (String env : List.of("normal", "frag")) {
            try (KvRig rig = new KvRig(16_384)) {
                List<Long> warm = warm(rig);
                try (Scarcity scarcity = new Scarcity(rig, env.equals("frag"))) {
                    for (Line l : Recording.decisions()) {
                        if (l.get("env").equals(env)
                                && (rig.pool.memory.canRemap() || result(l).equals("kmalloc"))) {
                            scarcity.with(l, () -> decide(rig, l));
                            compared++;
                        }
                    }
                }
                warm.forEach(rig.kv::free);
                rig.assertNothingLeaked();
            }
        }
        boolean portable = Boolean.getBoolean(PoolMemory.PORTABLE_PROPERTY);
        assertThat(compared).isEqualTo((int) Recording.decisions().stream()
                .filter(l -> !portable || result(l).equals("kmalloc")).count());
    }

    /// An object of each small size stays, so that its slab has free ones.
    private static List<Long> warm(KvRig rig) {
        List<Long> held = new ArrayList<>();
        for (long size = 8; size <= 8192; size *= 2) {
            held.add(rig.kv.alloc(size, Gfp.KERNEL));
        }
        return held;
    }

    private String result(Line l) {
        Deviation d = deviations.get(l.key());
        return d != null && d.rule().equals("I3") ? d.expected() : l.get("result_is");
    }

    private void decide(KvRig rig, Line l) {
        int gfp = l.mask();
        long size = Long.parseLong(l.get("size"));
        if (size > 8192) {
            // What the last one left in a sheaf would serve this one without a request
            rig.slabs.shrinkAll();
        }
        rig.pool.taken();
        long a = ScopeProgram.run(l.get("scope"), () -> rig.kv.alloc(size, gfp));
        assertThat(a).as("%s", l).isNotZero();
        assertThat(rig.kv.isVmalloc(a)).as("%s", l).isEqualTo(result(l).equals("vmalloc"));
        List<Request> seen = rig.pool.taken();
        compareTries(l, size, gfp, seen);
        compareData(l, gfp, seen);
        compareTables(l, seen);
        rig.kv.free(a);
        rig.pool.purge();
    }

    /// The contiguous tries: none where none is recorded, or else their orders, which of them got
    /// something, and the mask of a single one. Runs above the largest order are asked for here,
    /// too, and refused there.
    private void compareTries(Line l, long size, int gfp, List<Request> seen) {
        List<Request> tries = new ArrayList<>(seen);
        tries.removeIf(r -> r.role() != Role.KMALLOC_LARGE && r.role() != Role.SLAB);
        String orders = l.get("kmalloc_attempt_order");
        if (!orders.isEmpty()) {
            assertThat(join(tries, r -> "" + r.order())).as("%s", l).isEqualTo(orders);
            String got = l.get("kmalloc_attempt_got_page");
            assertThat(join(tries, r -> r.got() ? "1" : "0")).as("%s", l)
                    .isEqualTo(got.equals("0") ? "0;".repeat(tries.size() - 1) + "0" : got);
        } else if (size <= Frames.bytes(1L << Frames.MAX_ORDER)) {
            assertThat(tries).as("%s", l).isEmpty();
        }
        if (size > 8192) {
            Deviation d = deviations.get(l.key());
            int first = d != null && d.rule().equals("I2") ? Gfp.parse(d.expected())
                    : KvAllocator.firstTry(gfp);
            assertThat(tries.getFirst().role()).isEqualTo(Role.KMALLOC_LARGE);
            assertThat(tries.getFirst().entry()).as("%s", l).isEqualTo(first);
        }
    }

    private static String join(List<Request> requests, Function<Request, String> what) {
        return requests.stream().map(what).collect(Collectors.joining(";"));
    }

    /// Where the kernel asked for page tables, they are asked for here with the same mask. The
    /// other masks in that column are those of arrays of pages, which are Java arrays here.
    private static void compareTables(Line l, List<Request> seen) {
        for (String recorded : l.get("vmalloc_meta_gfp").split(";", -1)) {
            if (!recorded.isEmpty() && !recorded.contains("__GFP_HIGHMEM")) {
                assertThat(ScopeProgram.mask(recorded)).as("%s", l).isEqualTo(PAGE_TABLES);
                assertThat(seen).as("%s", l).extracting(Request::role).contains(Role.PGTABLE);
            }
        }
        assertThat(seen).filteredOn(r -> r.role() == Role.PGTABLE).as("%s", l)
                .allMatch(r -> r.entry() == PAGE_TABLES);
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
    @Tag("remapping")
    @Row({"H8", "H9", "I3", "L1"})
    void itFailsAndSucceedsWhereTheKernelDid() {
        List<Line> lines = Recording.injected();
        try (KvRig rig = new KvRig(8192)) {
            List<Long> warm = warm(rig);
            for (Line l : lines) {
                rig.slabs.shrinkAll();
                rig.pool.pages.faultInjector(failures(l));
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
            }
            rig.pool.pages.faultInjector((_, _, _) -> false);
            warm.forEach(rig.kv::free);
            rig.assertNothingLeaked();
        }
        assertThat(lines.size()).isGreaterThan(3_600);
    }

    private static FaultInjector failures(Line l) {
        int first = Recording.firstFew(l);
        if (first == 0) {
            int from = l.get("env").endsWith("order>=1") ? 1 : 0;
            return (_, order, _) -> order >= from;
        }
        int[] left = {first};
        boolean insists = (l.mask() & Gfp.NOFAIL) != 0;
        return insists || l.get("allocator").endsWith("(8M)") ? (_, _, _) -> left[0]-- > 0
                : new FirstFew(l.get("allocator").startsWith("kv"), first);
    }

    /// The kernel asks for the data frames of a small area twice: for all in bulk, then for one by
    /// one. The bulk attempt is here one request for each order, so that what failed there is found
    /// here by its role and not by its number.
    private static final class FirstFew implements FaultInjector {
        private final boolean contiguous;
        private final boolean bulk;
        private boolean single;

        FirstFew(boolean kvmalloc, int failures) {
            int ofArea = kvmalloc ? failures - 1 : failures;
            contiguous = kvmalloc;
            bulk = ofArea > 0;
            single = ofArea > 1;
        }

        @Override
        public boolean shouldFail(String site, int order, int gfp) {
            if (site.equals(Role.KMALLOC_LARGE.label())) {
                return contiguous;
            }
            if (order > 0) {
                return bulk;
            }
            boolean fails = single && site.equals(Role.VMALLOC_DATA.label());
            single &= !fails;
            return fails;
        }
    }
}
