package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.kv.Recording.Line;
import dev.polder.page.Role;
import dev.polder.slab.SlabCache;
import dev.polder.testkit.FallsShort;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.ScopeProgram;
import dev.polder.vmalloc.VmallocRig.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// `injected-failures.csv`: page requests, `kmalloc`, fresh object caches and single page-table
/// frames under forced failures. What the file says of `vmalloc` and `kvmalloc` where page requests
/// fail is compared beside this, in [RecordedAllocationsTest].
@Timeout(120)
final class RecordedFailuresTest {
    private static final Pattern CALL =
            Pattern.compile("(\\w+)\\((\\d+)([KM]?)(;fresh)?\\)(x-until-slab)?");
    private static final Pattern FIRST = Pattern.compile(".*:first-(\\d+):.*");
    private static final Pattern TABLE_PAGE =
            Pattern.compile("page_alloc:pagetable-page-(\\d+)-fails-once");
    /// Objects of 64 bytes that all free slabs of the rig together cannot hold.
    private static final int MORE_THAN_A_SLAB = 10_000;

    private final KvRig rig = new KvRig(16_384);
    private int asked;

    private static Matcher call(Line l) {
        Matcher m = CALL.matcher(l.get("allocator"));
        assertThat(m.matches()).as("%s", l).isTrue();
        return m;
    }

    private static long size(Matcher m) {
        return Long.parseLong(m.group(2)) << switch (m.group(3)) {
            case "K" -> 10;
            case "M" -> 20;
            default -> 0;
        };
    }

    @Test
    @Row({"G1", "G2", "L1", "L2"})
    void pagesObjectsAndFreshCachesFailWhereTheKernelsDid() {
        List<Line> lines = Recording.failedPages();
        for (Line l : lines) {
            Matcher m = call(l);
            List<Long> free = hadAFreeObject(l) ? freeObjects(size(m)) : noFreeObject();
            failPages(l.get("env"));
            forgetRequests();
            boolean ok = ScopeProgram.run(l.get("prog"), () -> attempt(m, l)) != 0;
            rig.pool.pages.faultInjector((_, _, _) -> false);
            assertThat(ok).as("%s", l).isEqualTo(l.get("ok").equals("1"));
            assertThat(requests()).as("page requests of %s", l)
                    .isEqualTo(Integer.parseInt(l.get("events")));
            free.forEach(rig.kmalloc::free);
        }
        assertThat(lines.size()).isGreaterThan(4_600);
        finish();
    }

    /// Whether the recorded cache had a free object, which does not follow from how the row ends:
    /// it had where no page was asked for; and the loop of requests began with one in the caches
    /// that a kernel uses all the time, and without in those for accounted objects, which this
    /// recording was the first to use.
    private static boolean hadAFreeObject(Line l) {
        return l.get("allocator").endsWith("x-until-slab") ? (l.mask() & Gfp.ACCOUNT) == 0
                : l.get("events").equals("0");
    }

    /// An object that stays, and one beside it that is free again.
    private List<Long> freeObjects(long size) {
        if (size > 8192) {
            return List.of();
        }
        long stays = rig.kmalloc.alloc(size, Gfp.KERNEL);
        rig.kmalloc.free(rig.kmalloc.alloc(size, Gfp.KERNEL));
        return List.of(stays);
    }

    private List<Long> noFreeObject() {
        rig.slabs.shrinkAll();
        return List.of();
    }

    private void forgetRequests() {
        rig.pool.taken();
        asked = 0;
    }

    private int requests() {
        return asked + rig.pool.taken().size();
    }

    private void failPages(String env) {
        int from = env.endsWith("order>=1") ? 1 : 0;
        Matcher first = FIRST.matcher(env);
        int[] left = {first.matches() ? Integer.parseInt(first.group(1)) : Integer.MAX_VALUE};
        rig.pool.pages.faultInjector((_, order, _) -> order >= from && left[0]-- > 0);
    }

    /// 1 if it was served, and freed again.
    private long attempt(Matcher m, Line l) {
        int gfp = l.mask();
        long size = size(m);
        if (m.group(1).equals("alloc_pages")) {
            long run = rig.pool.pages.alloc((int) size, gfp);
            rig.pool.pages.free(run);
            return run == 0 ? 0 : 1;
        }
        if (m.group(4) != null) {
            try (SlabCache fresh = new SlabCache(rig.slabs, "fresh", (int) size)) {
                long object = fresh.alloc(gfp);
                fresh.free(object);
                return object == 0 ? 0 : 1;
            }
        }
        return m.group(5) == null ? kmalloc(size, gfp) : untilASlabIsAsked(size, gfp);
    }

    private long kmalloc(long size, int gfp) {
        long object = rig.kmalloc.alloc(size, gfp);
        rig.kmalloc.free(object);
        return object == 0 ? 0 : 1;
    }

    /// Objects until the cache asks for a slab; 1 if the first was served.
    private long untilASlabIsAsked(long size, int gfp) {
        List<Long> held = new ArrayList<>();
        boolean served = true;
        while (asked == 0 && served && held.size() < MORE_THAN_A_SLAB) {
            held.add(rig.kmalloc.alloc(size, gfp));
            asked = rig.pool.taken().size();
            served = held.getLast() != 0;
        }
        assertThat(held).hasSizeLessThan(MORE_THAN_A_SLAB);
        held.forEach(rig.kmalloc::free);
        return held.getFirst() == 0 ? 0 : 1;
    }

    /// `failslab`: requests for objects fail, page requests do not. Requests for fresh objects of
    /// an area's own are not made here.
    @Test
    @Row({"G1", "L1"})
    void failingObjectsFailObjectsAlone() {
        List<Line> lines = new ArrayList<>(Recording.failedObjects());
        // No area is longer than the largest run where frames cannot be mapped twice.
        lines.removeIf(l -> !rig.pool.memory.canRemap() && l.get("allocator").endsWith("(8M)"));
        for (Line l : lines) {
            String allocator = l.get("allocator");
            int times = Integer.parseInt(l.get("env").replace("failslab:times=", ""));
            int[] left = {times < 0 ? Integer.MAX_VALUE : times};
            rig.slabs.faultInjector((_, _, _) -> left[0]-- > 0);
            forgetRequests();
            boolean ok = ScopeProgram.run(l.get("prog"), () -> allocator.contains("vmalloc")
                    ? kvmalloc(l) : attempt(call(l), l)) != 0;
            rig.slabs.faultInjector((_, _, _) -> false);
            assertThat(ok).as("%s", l).isEqualTo(l.get("ok").equals("1"));
            if (!allocator.contains("vmalloc")) {
                assertThat(requests()).as("page requests of %s", l)
                        .isEqualTo(Integer.parseInt(l.get("events")));
            }
        }
        assertThat(lines.size()).isGreaterThan(40);
        finish();
    }

    private long kvmalloc(Line l) {
        long size = size(call(l));
        long a = l.get("allocator").startsWith("kv") ? rig.kv.alloc(size, l.mask())
                : rig.pool.vmalloc.alloc(size, l.mask());
        rig.kv.free(a);
        rig.pool.purge();
        return a == 0 ? 0 : 1;
    }

    /// One page-table frame fails once, in the middle of an area: all of them must end as recorded.
    @Test
    @Tag("remapping")
    @Row({"H7", "H8"})
    @FallsShort("2")
    void onePageTableFrameThatFailsOnceEndsAsRecorded() {
        List<Line> lines = Recording.failedTables();
        for (Line l : lines) {
            Matcher m = TABLE_PAGE.matcher(l.get("env"));
            assertThat(m.matches()).as("%s", l).isTrue();
            int[] left = {Integer.parseInt(m.group(1))};
            rig.pool.pages.faultInjector((site, _, _) ->
                    site.equals(Role.PGTABLE.label()) && --left[0] == 0);
            long a = ScopeProgram.run(l.get("prog"),
                    () -> rig.pool.vmalloc.alloc(size(call(l)), l.mask()));
            rig.pool.pages.faultInjector((_, _, _) -> false);
            assertThat(a != 0).as("%s", l).isEqualTo(l.get("ok").equals("1"));
            rig.kv.free(a);
            rig.pool.purge();
        }
        assertThat(lines).isNotEmpty();
        finish();
    }

    private void finish() {
        rig.assertNothingLeaked();
        rig.close();
    }
}
