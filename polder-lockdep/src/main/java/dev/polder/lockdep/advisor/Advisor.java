package dev.polder.lockdep.advisor;

import dev.polder.lockdep.engine.HeldLocks;
import dev.polder.lockdep.engine.LockClass;
import dev.polder.lockdep.engine.Lockdep;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Finds scopes and masks that protect nothing, and those that could be said more simply.
///
/// "As far as seen": a scope is called needless when none of the locks held at an allocation inside
/// it was ever taken by reclaim that the scope keeps away. Ask at the end of a run that also ran
/// the callbacks (forced reclaim), or the answer is worth little. Thread-safe.
public final class Advisor {
    /// Allocations that one scope must have seen before it is called a wrapper of single ones:
    /// below it may be chance.
    static final int ENOUGH = 8;

    /// What was seen inside one scope, or with a narrowed mask at one place.
    private static final class Seen {
        long allocations;
        long openings;
        long lastSerial = -1;
        long holdingNothing;
        final Set<LockClass> held = new HashSet<>();
        int missing;

        void add(List<LockClass> locks, int lost, long serial) {
            allocations++;
            if (serial != lastSerial) {
                lastSerial = serial;
                openings++;
            }
            if (locks.isEmpty()) {
                holdingNothing++;
            }
            held.addAll(locks);
            missing |= lost;
        }
    }

    /// What was seen inside one scope on threads that it was handed over to.
    private static final class HandedOver {
        long allocations;
        long waitedFor;
    }

    private final Lockdep engine;

    // All guarded by this.
    private final Map<Object, HandedOver> handedOver = new HashMap<>();
    private final Map<Object, Seen> scopes = new HashMap<>();
    private final Map<String, Seen> masks = new HashMap<>();
    private final Map<LockClass, Set<String>> masksUnder = new HashMap<>();
    private final Map<LockClass, String> takenAt = new HashMap<>();

    /// An advisor that judges by this engine's graph.
    public Advisor(Lockdep engine) {
        this.engine = engine;
    }

    /// An allocation was made inside a scope.
    ///
    /// @param lost `ReclaimLevel` bits that it lost
    /// @param site the innermost scope: what `toString` says is its reason and place
    /// @param serial which opening of it
    public void inScope(int lost, Object site, long serial) {
        List<LockClass> locks = realLocks();
        synchronized (this) {
            Seen seen = scopes.get(site);
            if (seen == null) {
                seen = new Seen();
                scopes.put(site, seen);
            }
            seen.add(locks, lost, serial);
        }
    }

    /// An allocation was made inside a scope that another thread handed over.
    ///
    /// @param waitedFor whether that thread is still inside the scope, and so may wait for the work
    public synchronized void inHandedOver(Object site, boolean waitedFor) {
        HandedOver seen = handedOver.get(site);
        if (seen == null) {
            seen = new HandedOver();
            handedOver.put(site, seen);
        }
        seen.allocations++;
        seen.waitedFor += waitedFor ? 1 : 0;
    }

    /// An allocation was made with a narrowed mask, outside any scope.
    ///
    /// @param lost `ReclaimLevel` bits that it lacks
    public void withMask(int lost) {
        HeldLocks h = engine.held();
        List<LockClass> locks = realLocks();
        String place = place();
        synchronized (this) {
            Seen seen = masks.get(place);
            if (seen == null) {
                seen = new Seen();
                masks.put(place, seen);
            }
            seen.add(locks, lost, 0);
            if (!locks.isEmpty()) {
                LockClass innermost = locks.get(locks.size() - 1);
                Set<String> places = masksUnder.get(innermost);
                if (places == null) {
                    places = new TreeSet<>();
                    masksUnder.put(innermost, places);
                }
                places.add(place);
                takenAt.putIfAbsent(innermost, engine.takenAt(h, innermost));
            }
        }
    }

    private List<LockClass> realLocks() {
        List<LockClass> real = new ArrayList<>();
        for (LockClass c : engine.heldClasses()) {
            if (c.isReal()) {
                real.add(c);
            }
        }
        return real;
    }

    /// The nearest frame that is neither the checker's nor the allocator's.
    private static String place() {
        return StackWalker.getInstance().walk(frames -> frames
                .filter(f -> !isAllocator(f.getClassName()))
                .findFirst()
                .map(f -> f.getClassName().substring(f.getClassName().lastIndexOf('.') + 1) + "."
                        + f.getMethodName() + ":" + f.getLineNumber())
                .orElse("unknown"));
    }

    private static boolean isAllocator(String name) {
        return !name.contains("Test") && (name.startsWith("dev.polder.lockdep.")
                || name.startsWith("dev.polder.gfp.") || name.startsWith("dev.polder.page.")
                || name.startsWith("dev.polder.slab.") || name.startsWith("dev.polder.vmalloc.")
                || name.startsWith("dev.polder.kv.") || name.startsWith("dev.polder.mempool.")
                || name.startsWith("dev.polder.Polder"));
    }

    /// What is advised, as far as seen until now; by kind and place.
    public synchronized List<Advice> advice() {
        List<Advice> all = new ArrayList<>();
        scopes.forEach((site, seen) -> adviseScope(String.valueOf(site), seen, all));
        masks.forEach((place, seen) -> {
            if (!needed(seen)) {
                all.add(new Advice(Advice.Kind.MASK_PROTECTS_NOTHING, place, seen.allocations,
                        "with GFP_KERNEL nothing seen would deadlock: " + why(seen)));
            }
        });
        masksUnder.forEach((lock, places) -> {
            if (places.size() > 1) {
                String at = takenAt.getOrDefault(lock, "");
                all.add(new Advice(Advice.Kind.MASKS_UNDER_ONE_LOCK,
                        at.isEmpty() ? lock.toString() : at, places.size(),
                        "narrowed masks at " + String.join(", ", places) + " under " + lock.name()
                                + ": open one scope where that lock is taken"));
            }
        });
        handedOver.forEach((site, seen) -> {
            if (seen.waitedFor == 0) {
                all.add(new Advice(Advice.Kind.HANDED_OVER_FOR_NOBODY, String.valueOf(site),
                        seen.allocations, "each was made on another thread when the one that "
                                + "handed the scope over had left it: nobody waits for that work "
                                + "inside the scope, so it need not be carried along"));
            }
        });
        all.sort(Comparator.comparing(Advice::kind).thenComparing(Advice::place));
        return all;
    }

    private void adviseScope(String site, Seen seen, List<Advice> all) {
        if (!needed(seen)) {
            all.add(new Advice(Advice.Kind.SCOPE_PROTECTS_NOTHING, site, seen.allocations,
                    "without it nothing seen would deadlock: " + why(seen)));
        }
        if (seen.openings == seen.allocations && seen.allocations >= ENOUGH) {
            all.add(new Advice(Advice.Kind.ONE_ALLOCATION_IN_SCOPE, site, seen.allocations,
                    "each opening serves a single allocation: give that one the mask instead"));
        }
        if (seen.holdingNothing > 0 && seen.holdingNothing < seen.allocations) {
            all.add(new Advice(Advice.Kind.SCOPE_WIDER_THAN_LOCK, site, seen.allocations,
                    seen.holdingNothing + " of " + seen.allocations
                            + " allocations inside it are made with no lock held"));
        }
    }

    private boolean needed(Seen seen) {
        for (LockClass held : seen.held) {
            if (engine.reclaimTakes(held, seen.missing)) {
                return true;
            }
        }
        return false;
    }

    private static String why(Seen seen) {
        if (seen.held.isEmpty()) {
            return "no lock is held at any allocation";
        }
        Set<String> names = new TreeSet<>();
        for (LockClass c : seen.held) {
            names.add(c.name());
        }
        return "reclaim was never seen to need " + String.join(", ", names);
    }
}
