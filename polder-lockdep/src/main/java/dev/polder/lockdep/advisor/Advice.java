package dev.polder.lockdep.advisor;

/// One thing that could be simpler, with what it rests on.
///
/// @param kind what is advised
/// @param place where: the scope's reason and place, or the place of an allocation or a lock
/// @param allocations how many allocations it rests on
/// @param text the advice in a sentence
public record Advice(Kind kind, String place, long allocations, String text) {
    /// What is advised.
    public enum Kind {
        /// A scope whose removal would add no cycle, as far as seen.
        SCOPE_PROTECTS_NOTHING,
        /// A narrowed mask whose widening would add no cycle, as far as seen.
        MASK_PROTECTS_NOTHING,
        /// A scope around a single allocation each time: a mask says the same.
        ONE_ALLOCATION_IN_SCOPE,
        /// Narrowed masks at several places under one lock: one scope where the lock is taken.
        MASKS_UNDER_ONE_LOCK,
        /// A scope in which memory is also asked for while no lock is held.
        SCOPE_WIDER_THAN_LOCK,
        /// A scope handed over to another thread, with work for which nobody waits inside it.
        HANDED_OVER_FOR_NOBODY
    }

    @Override
    public String toString() {
        return kind + " at " + place + " (" + allocations + " allocations): " + text;
    }
}
