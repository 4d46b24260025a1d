package dev.polder.shrink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Unregistering while walkers are about (row F12).
@Row("F12")
final class ShrinkerCloseTest {

    private final WalkRig rig = new WalkRig();

    /// A shrinker that waits inside scan until it is let go.
    private static final class Slow implements Shrinker {

        final CountDownLatch inside = new CountDownLatch(1);
        final CountDownLatch letGo = new CountDownLatch(1);
        final AtomicInteger calls = new AtomicInteger();
        final AtomicBoolean returned = new AtomicBoolean();

        @Override
        public long count(ShrinkControl sc) {
            calls.incrementAndGet();
            return 200;
        }

        @Override
        public long scan(ShrinkControl sc) {
            inside.countDown();
            await(letGo);
            returned.set(true);
            return STOP;
        }
    }

    @Test
    void closeWaitsForTheWalkerInside() throws InterruptedException {
        Slow slow = new Slow();
        ShrinkerHandle handle = rig.registry.register("slow", slow, null, 2, 128, false, 0);
        Thread walker = Thread.ofPlatform().start(() -> rig.direct(Gfp.KERNEL, 0));
        slow.inside.await();
        AtomicBoolean returnedBefore = new AtomicBoolean();
        Thread closer = Thread.ofPlatform().start(() -> {
            handle.close();
            returnedBefore.set(slow.returned.get());
        });
        rig.clock.awaitParked(1);
        assertThat(closer.isAlive()).isTrue();
        assertThat(handle.closed()).isTrue();
        assertThat(rig.registry.shrinkers()).isEmpty();
        slow.letGo.countDown();
        closer.join();
        walker.join();
        assertThat(returnedBefore).as("scan had returned when close did").isTrue();
        int calls = slow.calls.get();
        rig.direct(Gfp.KERNEL, 0);
        assertThat(slow.calls).as("never called again").hasValue(calls);
    }

    @Test
    void anInterruptNeitherEndsTheWaitNorIsLost() throws InterruptedException {
        Slow slow = new Slow();
        ShrinkerHandle handle = rig.registry.register("slow", slow, null, 2, 128, false, 0);
        Thread walker = Thread.ofPlatform().start(() -> rig.direct(Gfp.KERNEL, 0));
        slow.inside.await();
        AtomicBoolean flag = new AtomicBoolean();
        AtomicBoolean returnedBefore = new AtomicBoolean();
        Thread closer = Thread.ofPlatform().start(() -> {
            handle.close();
            returnedBefore.set(slow.returned.get());
            flag.set(Thread.currentThread().isInterrupted());
        });
        rig.clock.awaitParked(1);
        long parks = rig.clock.parks();
        closer.interrupt();
        while (rig.clock.parks() == parks || rig.clock.parkedThreads() == 0) {
            Thread.onSpinWait();
        }
        slow.letGo.countDown();
        closer.join();
        walker.join();
        assertThat(returnedBefore).isTrue();
        assertThat(flag).isTrue();
    }

    @Test
    void fromInsideItsOwnCallbackItIsRefusedAndNothingChanges() {
        AtomicReference<@Nullable ShrinkerHandle> self = new AtomicReference<>();
        List<Throwable> thrown = new ArrayList<>();
        Shrinker closing = new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                tryClose();
                return 200;
            }

            @Override
            public long scan(ShrinkControl sc) {
                tryClose();
                return STOP;
            }

            private void tryClose() {
                ShrinkerHandle handle = self.get();
                assertThat(rig.registry.insideCallback()).isTrue();
                assertThatThrownBy(rig.registry::closeAll)
                        .isInstanceOf(IllegalStateException.class);
                try {
                    if (handle != null) {
                        handle.close();
                    }
                } catch (IllegalStateException e) {
                    thrown.add(e);
                }
            }
        };
        ShrinkerHandle handle = rig.registry.register("mine", closing, null, 2, 128, false, 0);
        self.set(handle);
        rig.direct(Gfp.KERNEL, 0);
        assertThat(thrown).hasSize(2);
        assertThat(thrown.getFirst()).hasMessageContaining("'mine'").hasMessageContaining("inside");
        assertThat(handle.thrown()).isZero();
        assertThat(handle.closed()).isFalse();
        assertThat(rig.registry.insideCallback()).isFalse();
        handle.close();
        assertThat(handle.closed()).isTrue();
    }

    @Test
    void aCallbackMayCloseAndRegisterOthers() {
        Slow other = new Slow();
        other.letGo.countDown();
        AtomicReference<@Nullable ShrinkerHandle> victim = new AtomicReference<>();
        Shrinker closing = new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                ShrinkerHandle handle = victim.get();
                if (handle != null) {
                    handle.close();
                }
                rig.registry.register("new", new Slow(), null, 2, 0, false, 0);
                return 0;
            }

            @Override
            public long scan(ShrinkControl sc) {
                return STOP;
            }
        };
        ShrinkerHandle first = rig.registry.register("first", closing, null, 2, 128, false, 0);
        victim.set(rig.registry.register("victim", other, null, 2, 128, false, 0));
        rig.direct(Gfp.KERNEL, 0);
        assertThat(first.thrown()).isZero();
        assertThat(other.calls).as("closed before the walk came to it").hasValue(0);
        assertThat(rig.registry.shrinkers()).extracting(ShrinkerHandle::name)
                .containsExactly("first", "new");
    }

    @Test
    void aSecondCloseAndCloseAllAreHarmless() {
        Slow slow = new Slow();
        ShrinkerHandle handle = rig.registry.register("slow", slow, null, 2, 128, false, 0);
        handle.close();
        handle.close();
        rig.registry.closeAll();
        assertThat(rig.registry.shrinkers()).isEmpty();
    }

    /// Walkers on several threads while shrinkers come and go: none is called after its close.
    @Test
    void noneIsCalledAfterItsClose() throws InterruptedException {
        AtomicBoolean stop = new AtomicBoolean();
        List<Thread> walkers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            ShrinkWalk walk = rig.registry.newWalk();
            walkers.add(Thread.ofPlatform().start(() -> {
                while (!stop.get()) {
                    walkOnce(walk);
                }
            }));
        }
        AtomicInteger late = new AtomicInteger();
        int called = 0;
        for (int i = 0; i < 300; i++) {
            AtomicBoolean closed = new AtomicBoolean();
            ShrinkerHandle handle = rig.registry.register("s" + i, new Shrinker() {
                @Override
                public long count(ShrinkControl sc) {
                    late.addAndGet(closed.get() ? 1 : 0);
                    LockSupport.parkNanos(1000);
                    late.addAndGet(closed.get() ? 1 : 0);
                    return 0;
                }

                @Override
                public long scan(ShrinkControl sc) {
                    return STOP;
                }
            }, null, 2, 128, false, 0);
            LockSupport.parkNanos(1000);
            handle.close();
            closed.set(true);
            called += handle.calls() > 0 ? 1 : 0;
        }
        stop.set(true);
        for (Thread t : walkers) {
            t.join();
        }
        assertThat(late).hasValue(0);
        assertThat(called).as("the test saw walkers inside").isPositive();
    }

    private static void walkOnce(ShrinkWalk walk) {
        Task task = Task.current();
        int token = task.enterReclaim();
        walk.begin(task, Gfp.KERNEL, false, false, null);
        walk.shrinkConsumers(0);
        walk.end();
        task.leaveReclaim(token);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
