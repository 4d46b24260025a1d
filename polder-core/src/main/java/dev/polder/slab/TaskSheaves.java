package dev.polder.slab;

import dev.polder.task.PoolState;
import dev.polder.task.Task;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// All sheaves that one platform thread owns in one pool: what its task keeps of the pool.
///
/// Notes
///
/// Entries are added by the owner and removed by a drainer, both under the registry's lock; the
/// owner reads without it, and recognizes an entry by its cache.
final class TaskSheaves extends PoolState {
    private static final ThreadSheaves[] NOTHING = {};

    private final Task owner;
    // Read plainly: who misses that the pool closed finds the sheaves recalled for good
    private @Nullable Slabs slabs;
    // By cache number; VACANT where the thread has none
    private ThreadSheaves[] ofCache = NOTHING;

    /// None yet, of a thread in a pool.
    TaskSheaves(Task owner, Slabs slabs) {
        this.owner = owner;
        this.slabs = slabs;
    }

    long threadId() {
        return owner.threadId();
    }

    /// Whether it is a virtual thread.
    boolean isVirtual() {
        return owner.isVirtual();
    }

    /// Whether the thread has ended.
    boolean ended() {
        return owner.ended();
    }

    /// Whether these are sheaves of that pool and not of one that was closed.
    boolean belongsTo(Slabs pool) {
        return slabs == pool;
    }

    /// The owner's sheaves for a cache; null if it has none yet.
    @Nullable ThreadSheaves find(Sheaved cache) {
        ThreadSheaves[] all = ofCache;
        int number = cache.number();
        ThreadSheaves found = number < all.length ? all[number] : ThreadSheaves.VACANT;
        return found.cache == cache ? found : null;
    }

    /// Makes places for the sheaves of a cache. By the owner, under the registry's lock.
    ThreadSheaves add(Sheaved cache) {
        int number = cache.number();
        int length = ofCache.length;
        if (number >= length) {
            ThreadSheaves[] more = Arrays.copyOf(ofCache,
                    Math.max(number + 1, length + SizeClasses.COUNT));
            Arrays.fill(more, length, more.length, ThreadSheaves.VACANT);
            ofCache = more;
        }
        ThreadSheaves sheaves = new ThreadSheaves(this, cache);
        sheaves.apart(owner.isApart());
        ofCache[number] = sheaves;
        return sheaves;
    }

    /// For how many caches it has places. Under the registry's lock.
    int places() {
        int count = 0;
        for (ThreadSheaves sheaves : ofCache) {
            count += sheaves != ThreadSheaves.VACANT ? 1 : 0;
        }
        return count;
    }

    /// Forgets one of the places. Under the registry's lock.
    void remove(ThreadSheaves sheaves) {
        ThreadSheaves[] all = ofCache;
        for (int number = 0; number < all.length; number++) {
            if (all[number] == sheaves) {
                all[number] = ThreadSheaves.VACANT;
            }
        }
    }

    /// Shows the sheaves for each cache. Under the registry's lock.
    void forEach(Consumer<ThreadSheaves> visitor) {
        for (ThreadSheaves sheaves : ofCache) {
            if (sheaves != ThreadSheaves.VACANT) {
                visitor.accept(sheaves);
            }
        }
    }

    /// Has those for one cache, or for all, called. Under the registry's lock.
    void call(Recall recall, @Nullable Sheaved only) {
        for (ThreadSheaves sheaves : ofCache) {
            if (sheaves != ThreadSheaves.VACANT && (only == null || sheaves.cache == only)) {
                recall.call(sheaves);
            }
        }
    }

    /// Takes everything out, in front of `chain`, once the owner has ended. Under the registry's
    /// lock.
    @Nullable Sheaf detach(@Nullable Sheaf chain) {
        Sheaf out = chain;
        for (ThreadSheaves sheaves : ofCache) {
            if (sheaves != ThreadSheaves.VACANT) {
                out = sheaves.detach(out);
                SheafTable.vacate(sheaves);
            }
        }
        return out;
    }

    /// Bytes of the objects in all sheaves; a guess for others while the owner works.
    long cachedBytes() {
        long sum = 0;
        for (ThreadSheaves sheaves : ofCache) {
            if (sheaves != ThreadSheaves.VACANT) {
                sum += sheaves.count() * sheaves.cache().objectSize();
            }
        }
        return sum;
    }

    /// Whether the owner's share of the room has place for one more sheaf of `cache`.
    boolean mayHold(Sheaved cache) {
        Slabs pool = slabs;
        return pool != null && cache.sheafBytes() > 0
                && heldBytes() + cache.sheafBytes() <= cache.room(pool.threads().share());
    }

    /// Room of all sheaves; a guess for others while the owner works.
    long heldBytes() {
        long sum = 0;
        for (ThreadSheaves sheaves : ofCache) {
            sum += sheaves.heldBytes();
        }
        return sum;
    }

    /// Forgets the pool, which closes or wants the thread no longer as an owner; the sheaves are
    /// recalled for good. Under the registry's lock.
    void abandon() {
        slabs = null;
        ofCache = NOTHING;
    }

    @Override
    protected void apart(boolean on) {
        for (ThreadSheaves sheaves : ofCache) {
            if (sheaves != ThreadSheaves.VACANT) {
                sheaves.apart(on);
            }
        }
    }
}
