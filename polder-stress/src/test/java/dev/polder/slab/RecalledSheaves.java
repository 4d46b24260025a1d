package dev.polder.slab;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.os.Membarrier;
import dev.polder.task.Task;
import org.jspecify.annotations.Nullable;

/// One thread's sheaves with the objects 1 and 2 in them, an owner that takes and gives, and a
/// drainer that calls them back: the state of a jcstress test. Every object counts its own number,
/// so that the sum of what owner and drainer got and what is left is that of all objects.
class RecalledSheaves {
    private static final int[] FIRST = {1, 2};
    /// What the owner gives.
    private static final int GIVEN = 4;
    /// Looks at a busy owner: as the registry's, long enough for an owner that is not switched out.
    private static final int SPINS = 500;
    /// Looks as long as a barrier takes.
    private static final int ABOUT_A_BARRIER = 500;
    private static final SlabCache CACHE = Polder.open(
            PolderConfig.builder().name("stress").budget(PolderConfig.MIN_BUDGET).build())
            .createCache("stress", Long.BYTES);

    private final ThreadSheaves sheaves = new ThreadSheaves(
            new TaskSheaves(Task.current(), CACHE.slabs()), CACHE);
    private final Recall recall = new Recall();
    private long ownersSum;
    private long drainersSum;

    /// An owner at rest.
    RecalledSheaves() {
        Sheaf sheaf = new Sheaf(CACHE, FIRST.length + 1);
        for (int object : FIRST) {
            sheaf.push(object);
        }
        sheaves.place(sheaf);
    }

    /// The owner takes an object.
    final void take() {
        ownersSum = sheaves.pop();
    }

    /// The owner takes an object and gives one.
    final void takeAndGive() {
        take();
        if (!sheaves.push(GIVEN)) {
            ownersSum += GIVEN;
        }
    }

    /// The owner takes an object by the slow path, which opens a sheaf, and gives one about when a
    /// drainer that had to wait for it takes the sheaves.
    final void takeMoreAndGive() {
        ownersSum = sheaves.popMore();
        for (int i = 0; i < ABOUT_A_BARRIER; i++) {
            Thread.onSpinWait();
        }
        if (!sheaves.push(GIVEN)) {
            ownersSum += GIVEN;
        }
    }

    /// The drainer.
    final void drain() {
        recall.call(sheaves);
        count(recall.run(null, true));
    }

    /// A drainer that leaves steps out.
    final void drain(boolean barrier, boolean awaitBusy) {
        sheaves.revoke();
        if (barrier) {
            Membarrier.everywhere();
        }
        if (!awaitBusy || sheaves.awaitLeft(SPINS)) {
            count(sheaves.detach(null));
        }
        sheaves.restore();
    }

    private void count(@Nullable Sheaf chain) {
        for (Sheaf s = chain; s != null; s = s.next) {
            drainersSum += sum(s);
        }
    }

    /// What everybody has and what is left: 3, and 4 more if the owner gave an object.
    final int sum() {
        long left = sum(sheaves.peek(0)) + sum(sheaves.peek(1));
        return (int) (ownersSum + drainersSum + left);
    }

    private static long sum(Sheaf sheaf) {
        long sum = 0;
        for (int i = 0; i < sheaf.size; i++) {
            sum += sheaf.objects[i];
        }
        return sum;
    }
}
