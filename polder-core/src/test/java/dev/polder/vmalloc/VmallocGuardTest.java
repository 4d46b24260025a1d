package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.debug.FaultInjector;
import dev.polder.gfp.Gfp;
import dev.polder.os.ChildJvm;
import dev.polder.os.Clock;
import dev.polder.os.MappingBudget;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;

/// Touches guards, and comes to the process's limit of mappings, in a child process each.
class VmallocGuardTest {
    private static final List<Class<?>> WITH =
            List.of(Vmalloc.class, Gfp.class, FaultInjector.class, Assertions.class);

    @Test
    @Row("H10")
    void aTouchBeyondAnAreaOrOfAPurgedOneIsCaught() {
        ChildJvm.Result r = ChildJvm.run(Toucher.class, WITH);
        assertThat(r.output()).contains("caught 4 of 4");
        assertThat(r.exitCode()).isZero();
    }

    @Test
    void atTheLimitOfMappingsTheProcessLives() {
        ChildJvm.Result r = ChildJvm.run(Exhauster.class, WITH);
        assertThat(r.output()).contains("refused at the budget", "threads still start");
        assertThat(r.exitCode()).isZero();
    }

    /// The first child.
    static final class Toucher {
        private static int tried;
        private static int caught;

        public static void main(String[] args) {
            VmallocRig rig = new VmallocRig();
            long a = rig.vmalloc.alloc(3 * Frames.SIZE, Gfp.KERNEL);
            long b = rig.vmalloc.alloc(3 * Frames.SIZE, Gfp.KERNEL);
            rig.write(a + 3 * Frames.SIZE - 8, 1);
            expectFault(() -> rig.write(a + 3 * Frames.SIZE, 1));
            expectFault(() -> rig.read(b + 3 * Frames.SIZE));
            rig.vmalloc.free(a);
            rig.read(a);
            rig.purge();
            expectFault(() -> rig.read(a));
            expectFault(() -> rig.write(a + 2 * Frames.SIZE, 1));
            rig.read(b);
            System.out.println("caught " + caught + " of " + tried);
        }

        private static void expectFault(Runnable touch) {
            tried++;
            try {
                touch.run();
            } catch (InternalError _) {
                caught++;
            }
        }
    }

    /// The second child: single frames until the budget refuses, which is a quarter of what would
    /// end the process.
    static final class Exhauster {
        public static void main(String[] args) throws InterruptedException {
            int limit = MappingBudget.ofSystem().limit();
            VmallocRig rig = new VmallocRig(4L * limit, 1L << 30, limit,
                    Clock.system(), false);
            rig.fragment();
            List<Long> areas = new ArrayList<>();
            long a = rig.vmalloc.alloc(512 * Frames.SIZE, Gfp.NOWAIT);
            while (a != 0) {
                areas.add(a);
                a = rig.vmalloc.alloc(512 * Frames.SIZE, Gfp.NOWAIT);
            }
            if (areas.size() == (limit - 3) / 513) {
                System.out.println("refused at the budget");
            }
            for (int i = 0; i < 20; i++) {
                Thread t = Thread.ofPlatform().start(() -> { });
                t.join();
            }
            System.out.println("threads still start");
            areas.forEach(rig.vmalloc::free);
            rig.purge();
            rig.verify();
        }
    }
}
