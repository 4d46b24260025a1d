package dev.polder.slab;

import dev.polder.os.Membarrier;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/// Takes sheaves away from threads that may be using them: the drainer's side of the protocol of
/// [ThreadSheaves]. Of one registry, under its lock.
///
/// Notes
///
/// All that are called are revoked, then one barrier runs for all of them, then each is waited for.
/// Those that had a sheaf open again in between need a second barrier, as the protocol says; those
/// that were seen inside get a second chance by it. Nothing is allocated: a recall is part of a
/// reclaim.
final class Recall {
    /// Looks at a thread that is inside its sheaves before it is passed by: some 20 µs, far above
    /// the few instructions that a running thread needs to get out.
    private static final int SPINS = 500;
    private static final int BARRIERS = 2;

    private final ArrayList<ThreadSheaves> called = new ArrayList<>();
    private int inside;

    /// Makes room for so many to be called.
    void expect(int most) {
        called.ensureCapacity(most);
    }

    /// Calls these, at the next [#run].
    void call(ThreadSheaves sheaves) {
        called.add(sheaves);
    }

    /// Takes what those that were called hold, in front of `chain`. Those of closed caches and of
    /// virtual threads lose their places: their doors stay closed.
    ///
    /// @param reopen whether the others may be used again afterwards
    @Nullable Sheaf run(@Nullable Sheaf chain, boolean reopen) {
        Sheaf out = chain;
        try {
            for (int i = 0; i < called.size(); i++) {
                called.get(i).revoke();
            }
            for (int i = 0; i < BARRIERS && !called.isEmpty() && Membarrier.everywhere(); i++) {
                out = takeFromThoseOutside(out, reopen);
            }
        } finally {
            inside = called.size();
            for (int i = 0; i < inside; i++) {
                end(called.get(i), reopen);
            }
            called.clear();
        }
        return out;
    }

    /// How many threads the last run passed by.
    int inside() {
        return inside;
    }

    private @Nullable Sheaf takeFromThoseOutside(@Nullable Sheaf chain, boolean reopen) {
        Sheaf out = chain;
        int left = 0;
        for (int i = 0; i < called.size(); i++) {
            ThreadSheaves t = called.get(i);
            if (t.awaitLeft(SPINS) && t.shut()) {
                out = t.detach(out);
                if (t.isForOneRecall()) {
                    SheafTable.vacate(t);
                    t.forget();
                } else {
                    end(t, reopen);
                }
            } else {
                called.set(left++, t);
            }
        }
        while (called.size() > left) {
            called.removeLast();
        }
        return out;
    }

    private static void end(ThreadSheaves t, boolean reopen) {
        if (reopen && !t.cache().threadsDenied()) {
            t.restore();
        }
    }
}
