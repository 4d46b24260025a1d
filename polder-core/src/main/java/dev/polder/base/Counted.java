package dev.polder.base;

/// Numbers of things as people write them: "1 object", "2 objects".
public final class Counted {
    private Counted() {}

    /// `n` and the noun, with an "s" where `n` is not 1.
    public static String of(long n, String noun) {
        return n + " " + noun + (n == 1 ? "" : "s");
    }
}
