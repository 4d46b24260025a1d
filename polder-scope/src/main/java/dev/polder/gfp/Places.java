package dev.polder.gfp;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;

/// Decides what stands for a bare reason: the string itself, or a site with its place.
final class Places {
    enum Mode { ALL, SAMPLED, OFF }

    /// One opening in this many walks the stack when sampled: about 1 µs each, so some 15 ns a
    /// scope.
    static final int SAMPLE = 64;

    // What is sampled is one place where the reason is used; a reason used in two places names
    // either.

    /// Reasons remembered when sampled. Reasons are literals, a program has hundreds; one that
    /// builds them at run time must not fill the heap.
    static final int REMEMBERED = 4096;

    private static final Mode MODE = mode(System.getProperty("dev.polder.scope.places", "off"));

    private static final Map<String, ScopeSite> SAMPLED = new ConcurrentHashMap<>();

    private Places() {}

    static Object site(String reason) {
        ScopeSite.checkReason(reason);
        return MODE == Mode.OFF ? reason : site(reason, MODE);
    }

    static Object site(String reason, Mode mode) {
        if (mode == Mode.ALL) {
            return ScopeSite.of(reason);
        }
        if (mode == Mode.OFF) {
            return reason;
        }
        ScopeSite known = SAMPLED.get(reason);
        if (ThreadLocalRandom.current().nextInt(SAMPLE) == 0 && SAMPLED.size() < REMEMBERED) {
            known = ScopeSite.of(reason);
            SAMPLED.put(reason, known);
        }
        return known == null ? reason : known;
    }

    static Mode mode(String value) {
        return switch (value) {
            case "all" -> Mode.ALL;
            case "sampled" -> Mode.SAMPLED;
            case "off" -> Mode.OFF;
            default -> { // a typing error in a property must not stop the program that uses scopes
                PolderEvents.reporter().wrongSetting("the property dev.polder.scope.places is '"
                        + value + "'; it can be all, sampled or off, and is taken as off");
                yield Mode.OFF;
            }
        };
    }
}
