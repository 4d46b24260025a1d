package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.kv.Recording.Deviation;
import dev.polder.kv.Recording.Line;
import dev.polder.slab.SlabCache;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.ScopeProgram;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Failing page requests beside those that were recorded, and kvmalloc's way beside them: what the
/// rows expect is a pure function ([FailureRules]), which must agree with every recording, and the
/// real thing with it.
@Tag("remapping")
@Timeout(120)
@Row({"D1", "G1", "G2", "I1", "I2", "I3", "L1"})
class NeighbourFailuresTest {
    private static final int CASES = 6_000;
    private static final int ALWAYS = Integer.MAX_VALUE;
    private static final int[] COUNTS = {1, 2, 3, 25, ALWAYS, ALWAYS, ALWAYS};
    private static final int[] SETS = {0, Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO, Gfp.NOWAIT, Gfp.ATOMIC,
        Gfp.KERNEL_ACCOUNT, Gfp.FS | Gfp.RECLAIM, Gfp.DIRECT_RECLAIM};
    private static final int[] MODIFIERS = {Gfp.NOFAIL, Gfp.NORETRY, Gfp.RETRY_MAYFAIL, Gfp.HIGH,
        Gfp.MEMALLOC, Gfp.NOMEMALLOC, Gfp.NOWARN, Gfp.ZERO};
    private static final List<String> PROGRAMS =
            List.of("", "F", "I", "R", "IF", "FR", "IFn1", "FIi0", "RIr0");
    private static final List<String> DOORS =
            List.of("alloc_pages", "kmem_cache_alloc", "kmalloc", "vmalloc", "kvmalloc");
    private static final int[] SIZES = {1, 64, 65, 100, 192, 700, 1024, 2048, 3000, 4096, 4097,
        8192, 8193, 16_384, 50_000, 65_536, 300_000, 1 << 20, 4 << 20, 5 << 20};

    private @Nullable PolderEvents before;

    /// What was allocated, by which door, under which failures.
    private record Case(String program, String door, long size, int gfp, int fromOrder,
            int count) {
        FailureRules rules() {
            return new FailureRules(fromOrder, count);
        }

        @Override
        public String toString() {
            return door + "(" + size + ", " + Gfp.toString(gfp) + ") in '" + program
                    + "', " + count + " of order " + fromOrder + " and above fail";
        }
    }

    /// How it ended: after how many page requests, if that is the rows' business, else -1.
    private record End(boolean ok, boolean mapped, int requests) {}

    @BeforeEach
    void quiet() {
        before = PolderEvents.listen(new PolderEvents() { });
    }

    @AfterEach
    void loud() {
        PolderEvents.listen(before);
    }

    private static End expected(Case c, FailureRules rules) {
        return switch (c.door) {
            case "alloc_pages" -> end(rules.pages((int) c.size, c.gfp), rules);
            case "kmem_cache_alloc" -> end(rules.slab((int) c.size, c.gfp), rules);
            case "kmalloc" -> end(rules.kmalloc(c.size, c.gfp), rules);
            case "kvmalloc" -> {
                boolean contiguous = rules.contiguous(c.size, c.gfp);
                boolean mapped = !contiguous && FailureRules.mayMap(c.size) && rules.mapped(c.gfp);
                yield new End(contiguous || mapped, mapped, -1);
            }
            default -> new End(rules.mapped(c.gfp), rules.mapped(c.gfp), -1);
        };
    }

    private static End end(boolean ok, FailureRules rules) {
        return new End(ok, false, rules.requests());
    }

    /// Every row in which all requests of some order fail, or the first few of those for pages,
    /// objects and runs. Objects that the recorded caches had free are no matter of the rules.
    @Test
    void theRulesAgreeWithTheRecordedFailures() {
        Map<String, Deviation> deviations = Recording.deviations();
        int compared = 0;
        List<Line> lines = new ArrayList<>(Recording.failedPages());
        lines.addAll(Recording.injected());
        for (Line l : lines) {
            boolean area = l.get("allocator").contains("vmalloc");
            boolean served = l.get("events").equals("0") && l.get("ok").equals("1");
            if (served || (area && Recording.firstFew(l) > 0)) {
                continue;
            }
            End is = expected(recorded(l), recorded(l).rules());
            boolean ok = l.get("ok").equals("1") || deviations.containsKey(l.key());
            if (l.get("allocator").endsWith("x-until-slab")) {
                // The objects before it were there
                assertThat(is.ok || (l.mask() & Gfp.ACCOUNT) == 0).as("%s", l).isEqualTo(ok);
            } else {
                assertThat(is.ok).as("%s", l).isEqualTo(ok);
            }
            boolean mapped = l.get("is_vmalloc").equals("1") || deviations.containsKey(l.key());
            assertThat(is.mapped).as("%s", l).isEqualTo(ok && mapped);
            if (is.requests >= 0) {
                assertThat(is.requests).as("%s", l)
                        .isEqualTo(Integer.parseInt(l.get("events")));
            }
            compared++;
        }
        assertThat(compared).isGreaterThan(6_000);
    }

    private static Case recorded(Line l) {
        String[] call = l.get("allocator").replace(";fresh", "").split("[()]", -1);
        String unit = call[1].replaceAll("\\d", "");
        long size = Long.parseLong(call[1].replaceAll("\\D", ""))
                << (unit.equals("K") ? 10 : unit.equals("M") ? 20 : 0);
        String door = call[0].contains("vmalloc") && !call[0].startsWith("kv") ? "vmalloc"
                : call[0];
        int first = Recording.firstFew(l);
        return new Case(l.get("prog"), door, size, l.mask(),
                l.get("env").endsWith("order>=1") ? 1 : 0, first == 0 ? ALWAYS : first);
    }

    /// Every row of `kvmalloc-decision.csv`: the order of the first try, and what it leads to.
    @Test
    void theRulesAgreeWithTheRecordedDecisions() {
        Map<String, Deviation> deviations = Recording.deviations();
        int compared = 0;
        for (Line l : Recording.decisions()) {
            Deviation d = deviations.get(l.key());
            String result = d != null && d.rule().equals("I3") ? d.expected()
                    : l.get("result_is");
            long size = Long.parseLong(l.get("size"));
            String order = l.get("kmalloc_attempt_order");
            if (size > 8192 && !order.isEmpty()) {
                assertThat(Integer.parseInt(order)).as("%s", l)
                        .isEqualTo(FailureRules.order(size));
            }
            boolean served = order.isEmpty() || l.get("kmalloc_attempt_got_page").contains("1");
            int fails = served ? Integer.MAX_VALUE : 1;
            End is = expected(new Case(l.get("scope"), "kvmalloc", size, l.mask(), fails, ALWAYS),
                    new FailureRules(fails, ALWAYS));
            assertThat(is).as("%s", l).isEqualTo(new End(true, result.equals("vmalloc"), -1));
            compared++;
        }
        assertThat(compared).isGreaterThan(1_700);
    }

    @Test
    void theRealThingAgreesWithTheRulesBesideTheRecordings() {
        assertThat(disagreements(0, 0)).isEmpty();
    }

    /// The canary: rules that are an order off, or that let what insists fail.
    @Test
    void aRuleThatIsOffIsNoticed() {
        assertThat(disagreements(1, 0)).isNotEmpty();
        assertThat(disagreements(0, Gfp.NOFAIL)).isNotEmpty();
    }

    /// Cases in which the real thing does not end as the rules say; ten are enough.
    ///
    /// @param off orders by which the rules are wrong
    /// @param unseen bits of the mask that they overlook
    private static List<String> disagreements(int off, int unseen) {
        List<String> found = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(43);
        try (KvRig rig = new KvRig(8192)) {
            for (int i = 0; i < CASES && found.size() < 10; i++) {
                Case c = random(random);
                End is = end(rig, c);
                End should = expected(new Case(c.program, c.door, c.size, c.gfp & ~unseen,
                        c.fromOrder, c.count), new FailureRules(c.fromOrder + off, c.count));
                if (!is.equals(should)) {
                    found.add(c + ": " + is + " and not " + should);
                }
            }
            rig.assertNothingLeaked();
        }
        return found;
    }

    private static Case random(SplittableRandom random) {
        int gfp = SETS[random.nextInt(SETS.length)];
        for (int modifier : MODIFIERS) {
            gfp |= random.nextInt(6) == 0 ? modifier : 0;
        }
        String door = DOORS.get(random.nextInt(DOORS.size()));
        long size = SIZES[random.nextInt(SIZES.length)];
        boolean area = door.contains("vmalloc");
        if (door.equals("alloc_pages")) {
            size = random.nextInt(11);
        } else if (door.equals("kmem_cache_alloc")) {
            size = 8L << random.nextInt(11);
        }
        // An area that insists tries for ever where no frame is to be had.
        int from = random.nextInt(area && Gfp.has(gfp, Gfp.NOFAIL) ? 1 : 0, 5);
        int count = area ? ALWAYS : COUNTS[random.nextInt(COUNTS.length)];
        return new Case(PROGRAMS.get(random.nextInt(PROGRAMS.size())), door, size, gfp, from,
                count);
    }

    private static End end(KvRig rig, Case c) {
        rig.slabs.shrinkAll();
        rig.pool.taken();
        int[] left = {c.count};
        rig.pool.pages.faultInjector((_, order, _) -> order >= c.fromOrder && left[0]-- > 0);
        boolean[] mapped = new boolean[1];
        long got = ScopeProgram.run(c.program, () -> switch (c.door) {
            case "alloc_pages" -> {
                long run = rig.pool.pages.alloc((int) c.size, c.gfp);
                rig.pool.pages.free(run);
                yield run;
            }
            case "kmem_cache_alloc" -> {
                try (SlabCache fresh = new SlabCache(rig.slabs, "fresh", (int) c.size)) {
                    long object = fresh.alloc(c.gfp);
                    fresh.free(object);
                    yield object;
                }
            }
            case "kmalloc" -> {
                long object = rig.kmalloc.alloc(c.size, c.gfp);
                rig.kmalloc.free(object);
                yield object;
            }
            default -> {
                long area = c.door.equals("vmalloc") ? rig.pool.vmalloc.alloc(c.size, c.gfp)
                        : rig.kv.alloc(c.size, c.gfp);
                mapped[0] = area != 0 && rig.kv.isVmalloc(area);
                rig.kv.free(area);
                yield area;
            }
        });
        rig.pool.pages.faultInjector((_, _, _) -> false);
        int requests = rig.pool.taken().size();
        rig.pool.purge();
        return new End(got != 0, mapped[0], c.door.contains("vmalloc") ? -1 : requests);
    }
}
