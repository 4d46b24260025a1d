package dev.polder.lockdep.engine;

/// One acquisition on the slow path: which lock, which instance, how, and from where.
final class Wanted {
    final LockClass lockClass;
    final int hash;
    final int mode;
    final int site;

    Wanted(LockClass lockClass, int hash, int mode, int site) {
        this.lockClass = lockClass;
        this.hash = hash;
        this.mode = mode;
        this.site = site;
    }
}
