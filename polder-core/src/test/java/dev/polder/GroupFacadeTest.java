package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ScopeSnapshot;
import dev.polder.memgroup.MemGroup;
import dev.polder.slab.SlabCache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Memory groups as a caller meets them: everything is charged, and everything is shown.
final class GroupFacadeTest {
    private final Polder pool = Polder.open(PolderConfig.builder().name("groups")
            .budget(32L << 20).build());
    private final MemGroup tenant = pool.group().create("tenant");
    private final MemGroup query = tenant.create("query");

    @AfterEach
    void verifyAndClose() {
        pool.verify();
        pool.close();
    }

    @Tag("remapping")
    @Test
    void everyWayOfAllocatingIsChargedAndUncharged() {
        SlabCache cache = pool.createCache("rows", 500);
        List<MemorySegment> held = new ArrayList<>();
        long run;
        long row;
        long area;
        try (var in = query.enter(); Arena arena = pool.arena(ArenaKind.CONFINED, Gfp.KERNEL)) {
            assertThat(in).isNotNull();
            for (long size : new long[] {0, 1, 100, 8 << 10, 100 << 10, 6 << 20}) {
                long before = query.charged();
                held.add(pool.allocate(size, Gfp.KERNEL));
                assertThat(query.charged()).isBetween(before,
                        before + Math.max(2 * size, 2 * Frames.SIZE));
            }
            run = pool.pages().alloc(3, Gfp.KERNEL);
            row = cache.alloc(Gfp.KERNEL);
            area = pool.vmalloc().alloc(1 << 20, Gfp.KERNEL);
            assertThat(arena.allocate(1000).byteSize()).isEqualTo(1000);
            long all = (7 << 20) + (100 << 10) + (8 << 10) + Frames.bytes(8);
            assertThat(query.charged()).isGreaterThanOrEqualTo(all);
            assertThat(tenant.charged()).isEqualTo(query.charged());
            assertThat(pool.group().charged()).isEqualTo(query.charged());
        }
        assertThat(MemGroup.current()).isNull();
        held.forEach(pool::free);
        pool.pages().free(run);
        cache.free(row);
        pool.vmalloc().free(area);
        cache.close();
        assertThat(query.charged()).as("page tables of areas kept for re-use")
                .isLessThanOrEqualTo(pool.memInfo().pageTables());
        assertThat(query.objectBytes()).isZero();
    }

    @Test
    void aGroupGoesWithTheWorkThatIsHandedOver() {
        MemorySegment s;
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            CompletableFuture<MemorySegment> f = new CompletableFuture<>();
            Runnable inside = () -> f.complete(pool.allocate(64 << 10, Gfp.KERNEL));
            Runnable work = ScopeSnapshot.capture().wrap(inside);
            CompletableFuture.runAsync(work).join();
            s = f.join();
        }
        assertThat(query.charged()).isEqualTo(64 << 10);
        pool.free(s);
        assertThat(query.charged()).isZero();
    }

    @Test
    void figuresListGroupsWithLimitsAndWhatHappened() {
        query.min(4096).low(8192).high(32 << 20).max(1 << 20);
        MemorySegment s;
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            s = pool.allocate(512 << 10, Gfp.KERNEL);
            assertThat(pool.tryAllocate(4 << 20, Gfp.NOWAIT)).isNull();
        }
        query.fail();
        List<GroupInfo> groups = pool.memInfo().groups();
        assertThat(groups).extracting(GroupInfo::path)
                .containsExactly("groups", "groups/tenant", "groups/tenant/query");
        GroupInfo info = groups.getLast();
        assertThat(info.charged()).isEqualTo(512 << 10);
        assertThat(info.peak()).isGreaterThanOrEqualTo(512 << 10);
        assertThat(info.refused()).isPositive();
        assertThat(info.failed()).isTrue();
        assertThat(pool.showMem()).contains("group groups/tenant/query: 512 kB, peak ",
                "min 4 kB, low 8 kB, high 32768 kB, max 1024 kB", "refused", "FAILED until reset()")
                .contains("group groups/tenant: 512 kB");
        pool.free(s);
        query.reset();
    }

    @Test
    void aFailureNamesTheTopGroupsAndTheLimitThatRefused() {
        MemGroup other = pool.group().create("other");
        MemorySegment large;
        try (var in = other.enter()) {
            assertThat(in).isNotNull();
            large = pool.allocate(4 << 20, Gfp.KERNEL);
        }
        tenant.max(64 << 10);
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            assertThatThrownBy(() -> pool.allocate(1 << 20, Gfp.KERNEL))
                    .isInstanceOf(AllocationFailedException.class)
                    .hasMessageContaining("limit        group groups/tenant holds")
                    .hasMessageContaining("group groups/other: 4")
                    .hasMessageContaining("raise the group's limit");
            tenant.fail();
            assertThatThrownBy(() -> pool.allocate(64, Gfp.KERNEL))
                    .hasMessageContaining("was failed by the out-of-memory policy")
                    .hasMessageContaining("reset()");
        }
        pool.free(large);
    }
}
