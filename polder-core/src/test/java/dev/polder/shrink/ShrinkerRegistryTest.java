package dev.polder.shrink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrink.InternalReclaimer.Phase;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Registration, the order of a walk, Polder's own caches, and what others are told of a walk.
final class ShrinkerRegistryTest {

    private final WalkRig rig = new WalkRig();
    private final List<String> called = new ArrayList<>();

    /// A shrinker that writes down that it was called.
    private Shrinker named(String name, long count) {
        return new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                called.add(name);
                return count;
            }

            @Override
            public long scan(ShrinkControl sc) {
                return STOP;
            }
        };
    }

    /// One of Polder's own caches that gives `frames` each time.
    private InternalReclaimer internal(String name, Phase phase, long frames) {
        return new InternalReclaimer() {
            @Override
            public Phase phase() {
                return phase;
            }

            @Override
            public String name() {
                return name;
            }

            @Override
            public long reclaimableFrames() {
                return frames;
            }

            @Override
            public long reclaim(long wantFrames) {
                called.add(name + ":" + wantFrames);
                if (frames < 0) {
                    throw new IllegalStateException(name);
                }
                return frames;
            }
        };
    }

    @Test
    void walksInTheOrderOfRegistration() {
        for (String name : List.of("a", "b", "c")) {
            rig.registry.register(name, named(name, 0), null, 2, 0, false, 0);
        }
        rig.direct(Gfp.KERNEL, 12);
        rig.registry.shrinkers().get(1).close();
        rig.registry.register("d", named("d", 0), null, 2, 0, false, 0);
        rig.direct(Gfp.KERNEL, 12);
        assertThat(called).containsExactly("a", "b", "c", "a", "c", "d");
    }

    @Test
    void defaultsAndWrongFigures() {
        Shrinker s = named("s", 0);
        assertThat(rig.registry.register("s", s, null, 2, 0, false, 0).batch()).isEqualTo(128);
        assertThatThrownBy(() -> rig.registry.register("s", s, null, -1, 0, false, 0))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("seeks");
        assertThatThrownBy(() -> rig.registry.register("s", s, null, 2, -1, false, 0))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("batch");
        assertThatThrownBy(() -> rig.registry.register("s", s, null, 2, 0, false, -4))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("objectBytes");
        assertThat(rig.registry.shrinkers()).hasSize(1);
    }

    @Test
    void ownCachesAreAskedByPhaseUntilThereIsEnough() {
        rig.registry.addInternal(internal("late", Phase.AFTER_CONSUMERS, 100));
        rig.registry.addInternal(internal("one", Phase.BEFORE_CONSUMERS, 10));
        rig.registry.addInternal(internal("two", Phase.BEFORE_CONSUMERS, 30));
        rig.registry.addInternal(internal("three", Phase.BEFORE_CONSUMERS, 5));
        Task task = Task.current();
        int token = task.enterReclaim();
        rig.walk.begin(task, Gfp.KERNEL, true, false, null);
        assertThat(rig.walk.shrinkInternals(Phase.BEFORE_CONSUMERS, 32)).isEqualTo(40);
        rig.walk.end();
        task.leaveReclaim(token);
        assertThat(called).containsExactly("one:32", "two:22");
        assertThat(rig.registry.internalFrames()).isEqualTo(145);
    }

    @Test
    void anOwnCacheThatThrowsDoesNotEndTheRun() {
        rig.registry.addInternal(internal("broken", Phase.BEFORE_CONSUMERS, -1));
        rig.registry.addInternal(internal("whole", Phase.BEFORE_CONSUMERS, 7));
        Task task = Task.current();
        int token = task.enterReclaim();
        rig.walk.begin(task, Gfp.KERNEL, true, false, null);
        assertThat(rig.walk.shrinkInternals(Phase.BEFORE_CONSUMERS, 32)).isEqualTo(7);
        rig.walk.end();
        task.leaveReclaim(token);
        assertThat(rig.events).extracting(WalkRig.Threw::shrinker).containsExactly("broken");
    }

    @Test
    void reclaimableFramesAreOfConsumersAndOwnCaches() {
        rig.registry.addInternal(internal("own", Phase.BEFORE_CONSUMERS, 10));
        rig.registry.register("known", named("known", 100), null, 2, 0, false, 8192);
        rig.registry.register("unknown", named("unknown", 3), null, 2, 0, false, 0);
        assertThat(rig.registry.reclaimableFrames()).isEqualTo(10);
        rig.direct(Gfp.KERNEL, 12);
        assertThat(rig.registry.reclaimableFrames()).isEqualTo(10 + 200 + 3);
        assertThat(rig.registry.countedObjects()).isEqualTo(103);
    }

    @Test
    void heldBytesDoNotOverflow() {
        ShrinkerHandle handle = rig.registry.register("vast",
                named("vast", ShrinkArithmetic.MAX_OBJECTS), null, 2, 0, false, Long.MAX_VALUE);
        assertThat(handle.heldBytes()).isZero();
        rig.direct(Gfp.KERNEL, 12);
        assertThat(handle.heldBytes()).isEqualTo(Long.MAX_VALUE);
        assertThat(rig.registry.reclaimableFrames()).isPositive();
    }

    @Test
    void backgroundPassesOverAShrinkerInWhichAnotherIsStuck() {
        ShrinkWalk stuck = rig.registry.newWalk();
        Shrinker shrinker = new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                return 200;
            }

            @Override
            public long scan(ShrinkControl sc) {
                ShrinkerHandle self = rig.registry.shrinkers().getFirst();
                assertThat(stuck.stuckIn(1000)).isNull();
                rig.clock.advance(1000);
                assertThat(stuck.stuckIn(1000)).isSameAs(self);
                stuck.markStuck(self);
                assertThat(self.stuck()).isTrue();
                return STOP;
            }
        };
        ShrinkerHandle handle = rig.registry.register("s", shrinker, null, 2, 0, false, 0);
        Task task = Task.current();
        int token = task.enterReclaim();
        stuck.begin(task, Gfp.KERNEL, false, true, null);
        stuck.shrinkConsumers(0);
        stuck.end();
        task.leaveReclaim(token);
        assertThat(handle.thrown()).isZero();
        assertThat(handle.stuck()).as("it came back").isFalse();
        handle.stuck(stuck);
        rig.background(Gfp.KERNEL, 0);
        assertThat(handle.calls()).as("passed over").isEqualTo(1);
        assertThat(rig.stat.get(Item.SHRINK_SKIPPED_STUCK)).isEqualTo(1);
        rig.direct(Gfp.KERNEL, 0);
        assertThat(handle.calls()).as("not by a direct reclaimer").isEqualTo(2);
        stuck.markStuck(handle);
        assertThat(handle.stuck()).as("a mark set too late is taken back").isFalse();
        rig.background(Gfp.KERNEL, 0);
        assertThat(handle.calls()).isEqualTo(3);
    }

    @Test
    void theLockCheckerHearsOfEveryCallback() {
        List<String> heard = new ArrayList<>();
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int effectiveGfp) {
            }

            @Override
            public void reclaimEnter(int effectiveGfp) {
            }

            @Override
            public void reclaimLeave(int effectiveGfp) {
            }

            @Override
            public void callbackEnter(String shrinker, @Nullable ReclaimDomain domain,
                    boolean mayWait) {
                heard.add("enter " + shrinker + " " + mayWait);
            }

            @Override
            public void callbackLeave(String shrinker, @Nullable ReclaimDomain domain) {
                heard.add("leave " + shrinker);
            }
        });
        try {
            rig.registry.register("s", named("s", 200), null, 2, 0, false, 0);
            rig.direct(Gfp.KERNEL, 0);
        } finally {
            FsReclaim.install(null);
        }
        assertThat(heard).containsExactly("enter s false", "leave s", "enter s false", "leave s");
    }
}
