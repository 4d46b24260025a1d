package dev.polder.task;

import org.jspecify.annotations.Nullable;

/// How scopes are told in messages.
final class ScopeText {
    private ScopeText() {}

    /// "NOFS|NOIO", as the kernel's flag names without their prefix.
    static String flags(int bits) {
        StringBuilder text = new StringBuilder();
        if ((bits & Task.NOFS) != 0) {
            text.append("NOFS");
        }
        if ((bits & Task.NOIO) != 0) {
            text.append(text.length() == 0 ? "" : "|").append("NOIO");
        }
        if ((bits & Task.NORECLAIM) != 0) {
            text.append(text.length() == 0 ? "" : "|").append("NORECLAIM");
        }
        int unknown = bits & ~ScopeStack.ALL;
        if (unknown != 0) {
            text.append(text.length() == 0 ? "" : "|")
                    .append("0x").append(Integer.toHexString(unknown));
        }
        return text.toString();
    }

    static String scope(int wanted, @Nullable Object site, boolean raw) {
        return flags(wanted) + (raw ? " save " : " scope ") + site(site);
    }

    static String exclusion(@Nullable Object domain, @Nullable Object site) {
        return "domain '" + domain + "' excluded by " + site(site);
    }

    /// A ScopeSite prints itself with its place; a bare reason tells how to learn the place.
    static String site(@Nullable Object site) {
        if (site instanceof String) {
            return "'" + site + "' (place not recorded; -Ddev.polder.scope.places=all records it)";
        }
        return String.valueOf(site);
    }

    static void join(StringBuilder text, String part) {
        text.append(text.length() == 0 ? "" : "; ").append(part);
    }

    static void more(StringBuilder text, int number, String what) {
        if (number > 0) {
            join(text, "and " + number + " more " + what);
        }
    }

    static void check(boolean holds, String equation) {
        if (!holds) {
            throw new IllegalStateException("broken in a thread's scopes: " + equation);
        }
    }
}
