package dev.polder.base;

/// Checks that stay on in production, for facts whose violation would corrupt memory.
///
/// Interior facts use `assert`; whole structures are checked by their `verify()`.
public final class Check {
    private Check() {}

    /// Throws if `ok` is false. The message is a constant or cheap to build; where it is not, test
    /// first and call [#broken].
    ///
    /// @throws IllegalStateException if `ok` is false
    public static void that(boolean ok, String message) {
        if (!ok) {
            throw broken(message);
        }
    }

    /// The exception for a broken invariant: `throw Check.broken(…)`.
    public static IllegalStateException broken(String message) {
        return new IllegalStateException(message);
    }

    /// The exception for a wrong address: names the address, says what it is and what to pass
    /// instead.
    public static IllegalArgumentException badAddress(long address, String whatItIs) {
        return new IllegalArgumentException(hex(address) + " " + whatItIs);
    }

    /// An address as people read it: `0x7f…`.
    public static String hex(long address) {
        return "0x" + Long.toHexString(address);
    }
}
