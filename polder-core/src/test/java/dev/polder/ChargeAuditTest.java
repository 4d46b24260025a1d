package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.memgroup.MemGroup;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What each group is charged with is what its runs, objects and children are: `verify()` says so,
/// and finds each charge that was planted or taken away.
final class ChargeAuditTest {
    private final Polder pool = Polder.open(PolderConfig.builder().name("audit")
            .budget(32L << 20).build());
    private final MemGroup tenant = pool.group().create("tenant");
    private final MemGroup query = tenant.create("query");
    private final List<Long> objects = new ArrayList<>();
    private long area;

    ChargeAuditTest() {
        fill(tenant);
        fill(query);
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            area = pool.vmalloc().alloc(300 << 10, Gfp.KERNEL);
        }
        objects.add(pool.kmalloc().alloc(40, Gfp.KERNEL_ACCOUNT));
    }

    private void fill(MemGroup group) {
        try (var in = group.enter()) {
            assertThat(in).isNotNull();
            for (long size = 16; size < 100 << 10; size *= 3) {
                objects.add(pool.kmalloc().alloc(size, Gfp.KERNEL));
            }
        }
    }

    @AfterEach
    void close() {
        pool.verify();
        objects.forEach(pool.kmalloc()::free);
        pool.vmalloc().free(area);
        pool.verify();
        assertThat(pool.group().charged()).isZero();
        pool.close();
    }

    private void finds(Runnable mistake, Runnable mended, String group) {
        mistake.run();
        assertThatThrownBy(pool::verify).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(group);
        mended.run();
        pool.verify();
    }

    @Test
    void aChargeThatNobodyMadeIsFound() {
        finds(() -> query.charge(Frames.SIZE), () -> query.uncharge(Frames.SIZE),
                "audit/tenant/query is charged");
        finds(() -> pool.group().charge(Frames.SIZE), () -> pool.group().uncharge(Frames.SIZE),
                "group audit is charged");
    }

    @Test
    void aChargeThatWasLostIsFound() {
        finds(() -> tenant.uncharge(Frames.SIZE), () -> tenant.charge(Frames.SIZE),
                "audit/tenant is charged");
    }

    @Test
    void aByteOfAnObjectIsFound() {
        assertThat(query.takeObject(8)).as("there is room in its frame").isTrue();
        assertThatThrownBy(pool::verify).hasMessageContaining("bytes of objects");
        query.dropObject(8);
        finds(() -> query.dropObject(8), () -> assertThat(query.takeObject(8)).isTrue(),
                "bytes of objects");
    }

    @Test
    void aPayerThatTheTreeDoesNotReachIsFound() {
        MemGroup stray = MemGroup.root("stray");
        ChargeAudit audit = new ChargeAudit();
        audit.run(stray, Frames.SIZE);
        assertThatThrownBy(() -> audit.verify(MemGroup.root("tree")))
                .hasMessageContaining("stray").hasMessageContaining("not in its tree");
    }

    @Test
    void whatAClosedGroupHoldsIsFoundAndItsParentPaysFromThenOn() {
        long before = tenant.charged();
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            query.close();
            long own = query.charged();
            long run = pool.pages().alloc(0, Gfp.KERNEL);
            assertThat(query.charged()).as("it is closed").isEqualTo(own);
            assertThat(tenant.charged()).isEqualTo(before + Frames.SIZE);
            assertThat(MemGroup.current()).isSameAs(query);
            pool.verify();
            pool.pages().free(run);
        }
        tenant.create("next");
        assertThat(tenant.children()).as("it still holds something").contains(query);
    }

    @Test
    void aChargeThatComesJustAfterTheCloseIsNotOutOfSight() {
        MemGroup late = tenant.create("late");
        late.close();
        assertThat(tenant.children()).doesNotContain(late);
        assertThat(late.tryCharge(Frames.SIZE)).isNull();
        assertThat(tenant.children()).contains(late);
        late.uncharge(Frames.SIZE);
        tenant.create("next");
        assertThat(tenant.children()).doesNotContain(late);
        late.charge(Frames.SIZE);
        assertThat(tenant.children()).contains(late);
        late.uncharge(Frames.SIZE);
    }

    @Test
    void norIsOneThatComesAfterTheGroupAboveWasClosedToo() {
        MemGroup root = MemGroup.root("root");
        MemGroup outer = root.create("outer");
        MemGroup late = outer.create("late");
        late.close();
        outer.close();
        assertThat(root.children()).isEmpty();
        late.charge(Frames.SIZE);
        ChargeAudit audit = new ChargeAudit();
        audit.run(late, Frames.SIZE);
        audit.verify(root);
        late.uncharge(Frames.SIZE);
        assertThat(root.create("next").parent()).isSameAs(root);
        assertThat(root.children()).as("forgotten again").doesNotContain(outer);
    }
}
