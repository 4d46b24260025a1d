package dev.polder.debug;

import dev.polder.base.Switch;

/// How a pool watches its users.
///
/// @param on whether it does: poison, red zones, quarantine, stacks
/// @param quarantineBytes freed objects kept from re-use, in bytes; 0 for none
public record DebugMode(boolean on, long quarantineBytes) {
    /// Not watching: the default.
    public static final DebugMode OFF = new DebugMode(false, 0);
    /// Bytes in quarantine where nothing is said: many a stale pointer is used within the next
    /// few thousand frees.
    public static final long DEFAULT_QUARANTINE = 1L << 20;
    /// Turns debug mode on for every pool whose configuration does not say: `true`.
    public static final String PROPERTY = "dev.polder.debug";

    /// Refuses a negative number.
    public DebugMode {
        if (quarantineBytes < 0) {
            throw new IllegalArgumentException("quarantine must be at least 0 bytes, not "
                    + quarantineBytes);
        }
    }

    /// Watching, with a quarantine of the default size.
    public static DebugMode full() {
        return new DebugMode(true, DEFAULT_QUARANTINE);
    }

    /// What the system property says.
    ///
    /// @throws IllegalArgumentException if that is neither `true` nor `false`
    public static DebugMode ofProperty() {
        return Switch.of(PROPERTY) ? full() : OFF;
    }
}
