package dev.polder.kv;

import dev.polder.gfp.Gfp;
import dev.polder.page.Role;
import dev.polder.vmalloc.VmallocRig.Request;
import java.util.ArrayList;
import java.util.List;

/// Which page requests the rows expect of an allocation, with which masks: rows A9, B1 to B5, G2,
/// H2 to H5, H16 and I1 to I5, as pure functions.
final class RequestRules {
    private static final int LARGE_ORDER = 9;
    private static final int FRAME = 4096;
    private static final int LARGEST_OBJECT = 8192;
    private static final int LARGEST_RUN = 4 << 20;
    private static final int NOFS = 1;
    private static final int NOIO = 2;
    /// A9.
    private static final int PASSED = Gfp.RECLAIM | Gfp.HIGH | Gfp.IO | Gfp.FS | Gfp.NOWARN
            | Gfp.RETRY_MAYFAIL | Gfp.NOFAIL | Gfp.NORETRY | Gfp.MEMALLOC | Gfp.NOMEMALLOC
            | Gfp.NOLOCKDEP;

    private final String program;

    /// For allocations inside that program of scopes.
    RequestRules(String program) {
        this.program = program;
    }

    /// B1: a token is what its save has newly set, and its restore clears just that.
    private int flags() {
        List<Integer> tokens = new ArrayList<>();
        int flags = 0;
        for (int i = 0; i < program.length(); i++) {
            int bit = switch (program.charAt(i)) {
                case 'F' -> NOFS;
                case 'I' -> NOIO;
                default -> 0;
            };
            if (Character.isLowerCase(program.charAt(i))) {
                flags &= ~tokens.get(program.charAt(++i) - '0');
            } else {
                tokens.add(bit & ~flags);
                flags |= bit;
            }
        }
        return flags;
    }

    /// B5.
    int used(int entry) {
        int flags = flags();
        if ((flags & NOIO) != 0) {
            return entry & ~(Gfp.IO | Gfp.FS);
        }
        return (flags & NOFS) != 0 ? entry & ~Gfp.FS : entry;
    }

    /// H3 to H5: what page tables lack besides, by the mask of their vmalloc.
    int tables(int gfp) {
        int used = used(Gfp.KERNEL | Gfp.ZERO);
        if (!Gfp.allowsBlocking(gfp) || Gfp.has(gfp, Gfp.NORETRY)
                || Gfp.has(gfp, Gfp.RETRY_MAYFAIL)) {
            return used;
        }
        if (!Gfp.has(gfp, Gfp.IO)) {
            return used & ~(Gfp.IO | Gfp.FS);
        }
        return Gfp.has(gfp, Gfp.FS) ? used : used & ~Gfp.FS;
    }

    /// I2.
    static int firstTry(int gfp) {
        int mask = (gfp | Gfp.NOWARN) & ~Gfp.NOFAIL;
        return Gfp.has(gfp, Gfp.RETRY_MAYFAIL) ? mask : mask & ~Gfp.DIRECT_RECLAIM;
    }

    /// G2: the first of the two masks.
    static int slabFirst(int gfp, boolean aboveMinimum) {
        int passed = gfp & PASSED;
        int mask = (passed | Gfp.NOWARN | Gfp.NORETRY) & ~Gfp.NOFAIL;
        return aboveMinimum && Gfp.allowsBlocking(passed)
                ? (mask | Gfp.NOMEMALLOC) & ~Gfp.RECLAIM : mask;
    }

    /// G2: the second, at the smallest order.
    static int slabSecond(int gfp) {
        return gfp & PASSED;
    }

    /// Whether `seen` is a request that an allocation of `size` bytes by this door may make.
    ///
    /// @param door `pages`, `kmalloc`, `vmalloc` or `kvmalloc`
    boolean allows(String door, long size, int gfp, Request seen) {
        if (seen.used() != (seen.role() == Role.PGTABLE ? tables(gfp) : used(seen.entry()))) {
            return false;
        }
        boolean kv = door.equals("kvmalloc");
        int tried = kv && size > FRAME ? firstTry(gfp) : gfp;
        boolean mapped = door.equals("vmalloc") || (kv && size > FRAME);
        return switch (seen.role()) {
            case DIRECT -> door.equals("pages") && seen.entry() == gfp;
            case SLAB -> size <= LARGEST_OBJECT && !door.equals("vmalloc")
                    && (seen.entry() == slabFirst(tried, seen.order() > minimum(size))
                    || (seen.order() == minimum(size) && seen.entry() == slabSecond(tried)));
            case KMALLOC_LARGE -> size > LARGEST_OBJECT && !door.equals("vmalloc")
                    && seen.entry() == tried;
            case VMALLOC_DATA -> mapped && seen.entry() == (seen.order() >= LARGE_ORDER
                    ? (gfp | Gfp.NOWARN) & ~Gfp.NOFAIL : gfp | Gfp.NOWARN);
            case PGTABLE -> mapped && seen.entry() == (Gfp.KERNEL | Gfp.ZERO);
        };
    }

    /// Order of the smallest slab of objects of `size` bytes.
    private static int minimum(long size) {
        return size > FRAME ? 1 : 0;
    }

    /// Whether it succeeds where memory is plenty, or where it is but no run longer than a frame is
    /// to be had and no object is free. Nothing helps a run above the largest order (D1).
    static boolean succeeds(String door, long size, int gfp, boolean framesOnly) {
        if (door.equals("kmalloc") && size > LARGEST_RUN) {
            return false;
        }
        boolean fits = size <= FRAME || door.equals("vmalloc") || door.equals("kvmalloc");
        return !framesOnly || fits || Gfp.has(gfp, Gfp.NOFAIL);
    }
}
