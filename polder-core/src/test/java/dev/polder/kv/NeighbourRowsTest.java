package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.kv.Recording.Deviation;
import dev.polder.kv.Recording.Line;
import dev.polder.page.Role;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.ScopeProgram;
import dev.polder.vmalloc.VmallocRig.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Cases beside the recorded ones: other masks, sizes, orders and scopes. What the rows expect of
/// them is a pure function, which must agree with every recording, and the real thing with it.
@Tag("remapping")
@Timeout(120)
@Row({"A9", "B1", "B3", "B5", "B11", "G2", "H2", "H3", "H4", "H16", "I1", "I2", "I3", "I5"})
class NeighbourRowsTest {
    private static final int[] SETS = {0, Gfp.KERNEL, Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO, Gfp.NOWAIT,
        Gfp.ATOMIC, Gfp.IO | Gfp.FS | Gfp.DIRECT_RECLAIM, Gfp.FS | Gfp.RECLAIM,
        Gfp.IO | Gfp.KSWAPD_RECLAIM, Gfp.DIRECT_RECLAIM};
    private static final int[] MODIFIERS = {Gfp.NORETRY, Gfp.RETRY_MAYFAIL, Gfp.NOFAIL, Gfp.HIGH,
        Gfp.MEMALLOC, Gfp.NOMEMALLOC, Gfp.NOWARN, Gfp.ZERO, Gfp.ACCOUNT, Gfp.NOLOCKDEP};
    private static final List<String> PROGRAMS = List.of("", "F", "I", "R", "FI", "IF", "FF", "RI",
            "FIR", "Fn0", "Ii0", "Rr0", "FIn0", "FIi1", "IFn1", "IFi0", "FFn1", "FFn0", "FIn0i1",
            "RFIr0", "IFIi2", "FRn0r1");
    private static final List<String> DOORS = List.of("pages", "kmalloc", "vmalloc", "kvmalloc");
    private static final long[] SIZES = {1, 100, 3000, 4096, 4097, 6000, 8192, 8193, 20_000,
        65_536, 300_000, 2 << 20, 3 << 20, 5 << 20};
    private static final int CASES = 4000;

    private @Nullable PolderEvents before;

    @BeforeEach
    void quiet() {
        before = PolderEvents.listen(new PolderEvents() { });
    }

    @AfterEach
    void loud() {
        PolderEvents.listen(before);
    }

    /// The function agrees with every recorded request, or with the rule that changes it.
    @Test
    void theRulesAgreeWithTheRecordings() {
        Map<String, Deviation> deviations = Recording.deviations();
        int compared = 0;
        for (Line l : Recording.lines(Recording.REQUESTS)) {
            Role role = role(l.get("role"));
            String allocator = l.get("allocator");
            if (role == null || allocator.startsWith("kmem_cache")) {
                continue;
            }
            int entry = ScopeProgram.mask(l.get("gfp_at_entry"));
            int used = ScopeProgram.mask(l.get("gfp_tracepoint"));
            RequestRules rules = new RequestRules(l.get("prog"));
            Deviation d = deviations.get(l.key());
            if (d != null) {
                int changed = Gfp.parse(d.expected());
                entry = role == Role.PGTABLE ? entry : changed;
                used = role == Role.PGTABLE ? changed : -1;
            }
            Request is = new Request(role, Integer.parseInt(l.get("order")), entry,
                    used >= 0 ? used : rules.used(entry), true);
            assertThat(rules.allows(door(allocator), size(allocator), l.mask(), is))
                    .as("%s", l).isTrue();
            compared++;
        }
        assertThat(compared).isGreaterThan(3_000);
    }

    private static @Nullable Role role(String recorded) {
        for (Role role : Role.values()) {
            if (role.label().equals(recorded)) {
                return role;
            }
        }
        return null;
    }

    private static String door(String allocator) {
        if (allocator.startsWith("alloc_pages")) {
            return "pages";
        }
        if (allocator.startsWith("kvmalloc")) {
            return "kvmalloc";
        }
        return allocator.contains("vmalloc") ? "vmalloc" : "kmalloc";
    }

    private static long size(String allocator) {
        String number = allocator.replaceAll(".*\\((\\d+)([KM]?)\\).*", "$1$2");
        long unit = number.endsWith("K") ? 1 << 10 : number.endsWith("M") ? 1 << 20 : 1;
        return Long.parseLong(number.replaceAll("[KM]", "")) * unit;
    }

    @Test
    void theRealThingAgreesWithTheRulesBesideTheRecordings() {
        assertThat(disagreements((_, r) -> r)).isEmpty();
    }

    /// The canary: a request that lost a bit, or kept one, is noticed at each role.
    @Test
    void aWrongMaskIsNoticed() {
        for (Role role : Role.values()) {
            assertThat(disagreements((_, r) -> r.role() == role ? new Request(r.role(), r.order(),
                    r.entry(), r.used() ^ Gfp.IO, r.got()) : r)).as("%s", role).isNotEmpty();
            assertThat(disagreements((_, r) -> r.role() == role ? new Request(r.role(), r.order(),
                    r.entry() ^ Gfp.NOWARN, r.used() ^ Gfp.NOWARN, r.got()) : r))
                    .as("%s", role).isNotEmpty();
        }
    }

    private interface Seen {
        Request of(String door, Request r);
    }

    /// Cases in which the real thing does what the rows do not expect, as `seen` shows it; ten are
    /// enough.
    private static List<String> disagreements(Seen seen) {
        List<String> found = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(41);
        try (KvRig rig = new KvRig(8192)) {
            for (int i = 0; i < CASES && found.size() < 10; i++) {
                boolean framesOnly = random.nextInt(3) == 0;
                String program = PROGRAMS.get(random.nextInt(PROGRAMS.size()));
                String door = DOORS.get(random.nextInt(DOORS.size()));
                long size = door.equals("pages") ? 4096L << random.nextInt(11)
                        : SIZES[random.nextInt(SIZES.length)];
                int gfp = SETS[random.nextInt(SETS.length)];
                for (int modifier : MODIFIERS) {
                    gfp |= random.nextInt(5) == 0 ? modifier : 0;
                }
                rig.slabs.shrinkAll();
                rig.pool.taken();
                rig.pool.pages.faultInjector((_, order, _) -> framesOnly && order > 0);
                long got = take(rig, program, door, size, gfp);
                rig.pool.pages.faultInjector((_, _, _) -> false);
                RequestRules rules = new RequestRules(program);
                String what = door + "(" + size + ", " + Gfp.toString(gfp) + ") in '" + program
                        + "'" + (framesOnly ? ", single frames only" : "") + ": ";
                if (got != 0 != RequestRules.succeeds(door, size, gfp, framesOnly)) {
                    found.add(what + (got != 0 ? "it succeeds" : "it fails"));
                }
                int mask = gfp;
                Predicate<Request> wrong = r -> !rules.allows(door, size, mask, seen.of(door, r));
                rig.pool.taken().stream().filter(wrong).forEach(r -> found.add(what + r));
                give(rig, door, got);
            }
            rig.assertNothingLeaked();
        }
        return found;
    }

    private static long take(KvRig rig, String program, String door, long size, int gfp) {
        return ScopeProgram.run(program, () -> switch (door) {
            case "pages" -> rig.pool.pages.alloc(Long.numberOfTrailingZeros(size) - 12, gfp);
            case "kmalloc" -> rig.kmalloc.alloc(size, gfp);
            case "vmalloc" -> rig.pool.vmalloc.alloc(size, gfp);
            default -> rig.kv.alloc(size, gfp);
        });
    }

    private static void give(KvRig rig, String door, long got) {
        switch (door) {
            case "pages" -> rig.pool.pages.free(got);
            case "vmalloc" -> rig.pool.vmalloc.free(got);
            case "kmalloc" -> rig.kmalloc.free(got);
            default -> rig.kv.free(got);
        }
        rig.pool.purge();
    }
}
