package dev.polder.shrink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.memgroup.MemGroup.Event;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.task.Task;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Whom a walk asks for which group, and what `min` and `low` keep.
final class GroupShrinkTest {
    private static final long MIB = 1 << 20;
    private static final long OBJECTS = Frames.count(16 * MIB);

    private final WalkRig rig = new WalkRig();
    private final MemGroup root = MemGroup.root("pool");
    private final MemGroup a = root.create("a");
    private final MemGroup b = root.create("b");
    private final MemGroup below = b.create("below");
    private final Map<Long, Long> held = new HashMap<>();
    private final Map<Long, Long> asked = new LinkedHashMap<>();
    private final ShrinkerHandle aware;

    GroupShrinkTest() {
        rig.registry.groups(root);
        aware = rig.registry.register("aware", new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                asked.putIfAbsent(sc.groupId(), 0L);
                return sc.groupId() == 0 ? 3 * OBJECTS : held.getOrDefault(sc.groupId(), 0L);
            }

            @Override
            public long scan(ShrinkControl sc) {
                asked.merge(sc.groupId(), sc.toScan(), Long::sum);
                return sc.toScan();
            }
        }, null, 4, 128, true, Frames.SIZE);
        hold(a);
        hold(b);
        hold(below);
    }

    private void hold(MemGroup g) {
        g.charge(16 * MIB);
        held.put(g.id(), OBJECTS);
    }

    private boolean pass(int priority, boolean low) {
        asked.clear();
        Task task = Task.current();
        int token = task.enterReclaim();
        rig.walk.begin(task, Gfp.KERNEL, false, false, null);
        try {
            if (low) {
                rig.walk.reclaimLow();
            }
            rig.walk.shrinkConsumers(priority);
            return rig.walk.lowSkipped();
        } finally {
            rig.walk.end();
            task.leaveReclaim(token);
        }
    }

    @Test
    void withoutProtectionOneCallStandsForAll() {
        assertThat(pass(4, false)).isFalse();
        assertThat(asked).containsOnlyKeys(0L);
    }

    @Test
    void aGroupsReclaimGoesOverItsTreeAndNoFurther() {
        rig.forGroup(b, Gfp.KERNEL, 4);
        assertThat(asked).containsOnlyKeys(b.id(), below.id());
        assertThat(asked.get(b.id())).isEqualTo(asked.get(below.id())).isPositive();
        asked.clear();
        rig.forGroup(below, Gfp.KERNEL, 4);
        assertThat(asked).containsOnlyKeys(below.id());
        asked.clear();
        rig.forGroup(a.create("empty"), Gfp.KERNEL, 4);
        assertThat(asked.values()).containsOnly(0L);
    }

    @Test
    void minIsLeftAloneByReclaimFromOutside() {
        a.min(16 * MIB);
        assertThat(pass(0, false)).isFalse();
        assertThat(asked).containsOnlyKeys(root.id(), b.id(), below.id());
        assertThat(pass(0, true)).as("nor is it taken when nothing else is left").isFalse();
        assertThat(asked).doesNotContainKey(a.id());
        assertThat(aware.lastCount()).as("what may be taken").isEqualTo(2 * OBJECTS);
        asked.clear();
        rig.forGroup(a, Gfp.KERNEL, 0);
        assertThat(asked.get(a.id())).as("its own limit takes it").isEqualTo(OBJECTS);
    }

    @Test
    void lowIsTakenOnlyWhenNothingElseIsLeft() {
        a.low(16 * MIB);
        assertThat(pass(0, false)).as("it is noted that something was left").isTrue();
        assertThat(asked).doesNotContainKey(a.id());
        assertThat(a.events(Event.LOW)).isZero();
        assertThat(pass(0, true)).isFalse();
        assertThat(asked.get(a.id())).isEqualTo(OBJECTS);
        assertThat(a.events(Event.LOW)).isEqualTo(1);
    }

    @Test
    void aboveItsProtectionAGroupGivesThePartAbove() {
        a.min(12 * MIB);
        pass(0, false);
        assertThat(asked.get(a.id())).isBetween(OBJECTS / 4, OBJECTS / 4 + 1);
        a.min(0).low(4 * MIB);
        pass(0, false);
        assertThat(asked.get(a.id())).isBetween(3 * OBJECTS / 4, 3 * OBJECTS / 4 + 1);
    }

    /// A group whose share of its parent's promise is all that it uses is protected to the last
    /// frame, whatever the figures: none is lost in rounding.
    @Test
    void aShareThatIsTheWholeIsTheWhole() {
        for (long parent = 1; parent < 2000; parent++) {
            for (long usage = 1; usage <= parent; usage += 7) {
                assertThat(GroupShrink.effective(usage, 0, parent, parent, 0)).isEqualTo(usage);
            }
        }
        assertThat(GroupShrink.part(1L << 40, 1L << 39, 1L << 40)).isEqualTo(1L << 39);
    }

    @Test
    void childrenShareWhatTheirParentIsPromised() {
        // 100 used of 200 promised, beside a sibling that claims 300, below a parent that has 200
        assertThat(GroupShrink.effective(100, 200, 200, 600, 400)).isEqualTo(50);
        assertThat(GroupShrink.effective(100, 60, 200, 600, 150)).as("60 and a share of the rest")
                .isEqualTo(60 + 50 * 40 / 450);
        assertThat(GroupShrink.effective(100, 60, MemGroup.MAX, 600, 150)).isEqualTo(60);
        assertThat(GroupShrink.effective(0, 60, 200, 600, 0)).isZero();
        b.min(32 * MIB);
        pass(0, false);
        assertThat(asked).as("b's promise covers the group below it").containsOnlyKeys(root.id(),
                a.id());
    }

    @Test
    void aGroupThatHoldsNothingIsNotAskedFor() {
        a.min(MIB);
        b.create("idle");
        pass(0, false);
        assertThat(asked).containsOnlyKeys(root.id(), a.id(), b.id(), below.id());
    }
}
