package dev.polder.lockdep.engine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What was found at each place of the program: most places take one lock, or locks of one class,
/// and then need not look any further.
final class SiteCache {
    /*
     * Read and written without a lock. A reader sees some instance or none, and compares what it
     * refers to; an instance is immutable. Of two threads that grow the array at once one loses
     * what it wrote, and writes it again at its next visit. Place 0, the unknown one, stays empty.
     */
    private static final int FIRST_LENGTH = 256;

    private LockInstance[] found = filled(FIRST_LENGTH);

    private static LockInstance[] filled(int length) {
        LockInstance[] array = new LockInstance[length];
        Arrays.fill(array, LockInstance.NONE);
        return array;
    }

    /// What this place found last time, null when that is about another lock.
    @Nullable LockInstance get(int site, Object lock) {
        LockInstance known = at(site);
        return known.refersTo(known.ofClass ? lock.getClass() : lock) ? known : null;
    }

    /// What this place found last time, which may be about another lock.
    LockInstance at(int site) {
        LockInstance[] f = found;
        return site < f.length ? f[site] : LockInstance.NONE;
    }

    /// Remembers what a place found.
    ///
    /// @param firstOnly only if it has found nothing before: threads that take turns with different
    ///     locks at one place should not write to one array all the time
    void put(int site, LockInstance instance, boolean firstOnly) {
        if (site <= 0) {
            return;
        }
        LockInstance[] f = found;
        if (site >= f.length) {
            LockInstance[] longer = filled(Math.max(2 * f.length, site + 1));
            System.arraycopy(f, 0, longer, 0, f.length);
            longer[site] = instance;
            found = longer;
        } else if (!firstOnly || f[site] == LockInstance.NONE) {
            f[site] = instance;
        }
    }
}
