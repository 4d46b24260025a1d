package dev.polder.gfp;

import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;

/// What rows B1 to B8 say of a thread's word, as pure arithmetic: which token a save gives, what a
/// restore takes away, what is left of a mask.
class ScopeRules {
    private final List<Integer> tokens = new ArrayList<>();
    private int flags;

    final int flags() {
        return flags;
    }

    /// B1: a save gives the bit if it newly set it, and nothing otherwise.
    final int save(char family) {
        int bit = bit(family);
        int token = token(flags, bit);
        tokens.add(token);
        flags |= bit;
        return token;
    }

    /// B1, B4: a restore clears what its token says, whichever family it is of.
    final int restore(int number) {
        flags &= ~tokens.get(number);
        return tokens.get(number);
    }

    /// B5 to B8: NOIO takes IO and FS away, NOFS takes FS, NORECLAIM nothing.
    final int effective(int gfp) {
        if ((flags & Task.NOIO) != 0) {
            return gfp & ~(Gfp.IO | Gfp.FS);
        }
        return (flags & Task.NOFS) != 0 ? gfp & ~Gfp.FS : gfp;
    }

    /// What a save gives that finds `flags`.
    int token(int flags, int bit) {
        return bit & ~flags;
    }

    private static int bit(char family) {
        return switch (family) {
            case 'F' -> Task.NOFS;
            case 'I' -> Task.NOIO;
            case 'R' -> Task.NORECLAIM;
            default -> throw new IllegalArgumentException("no family " + family);
        };
    }
}
