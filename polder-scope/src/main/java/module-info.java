/// What a program declares about memory, without allocating any: masks (`Gfp`), scopes
/// (`MemallocScope`), reclaim domains with guards, hand-off to other threads, the shrinker
/// contract, and the port through which a lock checker hears of allocation and reclaim.
///
/// Runs on Java 17 and needs nothing else. The memory manager itself is the module
/// `dev.polder.core`.
@SuppressWarnings("module") // the friends below are built later than this module
module dev.polder.scope {
    requires static transitive org.jspecify; // annotations in exported signatures

    exports dev.polder.gfp;
    exports dev.polder.shrinker;
    exports dev.polder.task to
            dev.polder.core,
            dev.polder.lockdep,
            dev.polder.store;
}
