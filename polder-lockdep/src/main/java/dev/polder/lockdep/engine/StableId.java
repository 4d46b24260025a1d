package dev.polder.lockdep.engine;

import java.util.List;

/// Ids that mean the same bug in every run: eight hexadecimal digits of a hash over names.
final class StableId {
    private static final long OFFSET = 0xCBF29CE484222325L; // FNV-1a, 64 bits
    private static final long PRIME = 0x100000001B3L;

    private StableId() {}

    /// The id of a cycle, whichever of its classes is named first.
    static String ofCycle(List<String> names) {
        int least = 0;
        for (int i = 1; i < names.size(); i++) {
            if (rotated(names, i).compareTo(rotated(names, least)) < 0) {
                least = i;
            }
        }
        return of("cycle", rotated(names, least));
    }

    private static String rotated(List<String> names, int from) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < names.size(); i++) {
            text.append(names.get((from + i) % names.size())).append('\n');
        }
        return text.toString();
    }

    static String of(String kind, String what) {
        long hash = OFFSET;
        String text = kind + "\n" + what;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * PRIME;
        }
        hash ^= hash >>> 32;
        return String.format("%08x", (int) hash);
    }
}
