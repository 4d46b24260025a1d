package dev.polder.cli.report;

/// A phrase for each policy: what its writers may reclaim while they hold the journal.
public final class PolicyNotes {

    private PolicyNotes() {}

    /// The phrase; empty for a name that is not a policy's.
    public static String of(String policy) {
        return switch (policy) {
            case "unguarded" -> "every allocation may reclaim anything";
            case "mask" -> "NOFS on every allocation of the stores";
            case "scope" -> "NOFS from the journal handle on";
            case "domain" -> "only the own store is left out";
            case "split" -> "a third of the budget each, nothing shared";
            case "no-noio" -> "as scope, but writeback outside its NOIO scope";
            default -> "";
        };
    }
}
