package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.testkit.Row;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Follows one request from `kvmalloc` to a consumer's `scan`, and checks who is asked under which
/// restriction.
@Tag("remapping")
final class RequestPathTest {
    private static final ScopeSite LOCK = ScopeSite.of("test holds a's lock");
    /// Direct reclaim only, so that every call that is seen was made by this thread.
    private static final int DIRECT = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;
    private static final long SIZE = 1 << 20;

    private final ReclaimDomain a = ReclaimDomain.of("a");
    private final ReclaimDomain b = ReclaimDomain.of("b");
    private final Polder pool =
            Polder.open(PolderConfig.builder().name("path").budget(32L << 20).build());
    private final PageCacheConsumer fsOfA = new PageCacheConsumer(pool, "a-nodes", a, Gfp.FS);
    private final PageCacheConsumer ioOfB = new PageCacheConsumer(pool, "b-dirty", b, Gfp.IO);
    private final PageCacheConsumer clean = new PageCacheConsumer(pool, "clean", null, 0);
    private final List<PageCacheConsumer> all = List.of(fsOfA, ioOfB, clean);

    @BeforeEach
    void fill() {
        for (PageCacheConsumer c : all) {
            ShrinkerSpec spec = ShrinkerSpec.of(c.name, c);
            pool.register(c.domain == null ? spec : spec.domain(c.domain));
        }
        boolean grown = true;
        while (grown) {
            grown = fsOfA.grow() && ioOfB.grow() && clean.grow();
        }
    }

    @AfterEach
    void verifyAndClose() {
        all.forEach(PageCacheConsumer::clear);
        pool.verify();
        pool.close();
    }

    private void request(int gfp) {
        long address = pool.kv().alloc(SIZE, gfp);
        assertThat(address).isNotZero();
        assertThat(pool.kv().isVmalloc(address)).isTrue();
        pool.kv().free(address);
    }

    @Test
    @Row({"I5", "E1", "B9"})
    void theStackLeadsFromKvmallocToScan() {
        request(DIRECT);
        assertThat(clean.directScans()).isNotEmpty();
        List<String> stack = clean.directScans().getFirst().stack();
        assertThat(stack).containsSubsequence("PageCacheConsumer.scan", "Vmscan.tryToFreePages",
                "SlowPath.alloc", "PageAllocator.alloc", "Vmalloc.alloc", "KvAllocator.alloc");
    }

    @Test
    @Row("A2")
    void withoutScopeEveryShrinkerIsAskedAndMayWait() {
        request(DIRECT);
        for (PageCacheConsumer c : all) {
            assertThat(c.directScans()).as(c.name).isNotEmpty().allSatisfy(s -> {
                assertThat(s.stopped()).isFalse();
                assertThat(s.mayWait()).isTrue();
                assertThat(s.gfp() & Gfp.KERNEL).isEqualTo(DIRECT);
            });
        }
    }

    @Test
    @Row({"B5", "F9"})
    void insideNofsTheFsShrinkerStopsAndNobodyMayWait() {
        try (MemallocScope scope = MemallocScope.noFs(LOCK)) {
            assertThat(scope).isNotNull();
            request(DIRECT);
        }
        assertThat(fsOfA.directScans()).isNotEmpty().allMatch(PageCacheConsumer.Scan::stopped);
        assertThat(ioOfB.directScans()).isNotEmpty().noneMatch(PageCacheConsumer.Scan::stopped);
        assertThat(clean.directScans()).isNotEmpty();
        assertNobodyMayWait();
    }

    @Test
    @Row({"B5", "B6", "E4"})
    void insideNoioOnlyTheCleanOneGives() {
        try (MemallocScope scope = MemallocScope.noIo(LOCK)) {
            assertThat(scope).isNotNull();
            request(DIRECT);
        }
        assertThat(fsOfA.directScans()).isNotEmpty().allMatch(PageCacheConsumer.Scan::stopped);
        assertThat(ioOfB.directScans()).isNotEmpty().allMatch(PageCacheConsumer.Scan::stopped);
        assertThat(clean.directScans()).isNotEmpty().noneMatch(PageCacheConsumer.Scan::stopped);
        assertNobodyMayWait();
    }

    @Test
    void insideAnExclusionOnlyThatDomainIsLeftAlone() {
        try (MemallocScope scope = MemallocScope.excluding(a, LOCK)) {
            assertThat(scope).isNotNull();
            request(DIRECT);
        }
        assertThat(fsOfA.directScans()).isEmpty();
        assertThat(ioOfB.directScans()).isNotEmpty().noneMatch(PageCacheConsumer.Scan::stopped);
        assertThat(clean.directScans()).isNotEmpty();
        assertNobodyMayWait();
    }

    private void assertNobodyMayWait() {
        for (PageCacheConsumer c : all) {
            assertThat(c.directScans()).as(c.name).noneMatch(PageCacheConsumer.Scan::mayWait);
        }
    }
}
