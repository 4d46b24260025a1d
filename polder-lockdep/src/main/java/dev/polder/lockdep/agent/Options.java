package dev.polder.lockdep.agent;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The agent's options, `name=value` separated by commas:
///
/// | name | value |
/// | --- | --- |
/// | `rules` | a shipped pack or a file; may be repeated |
/// | `report` | the result's file; JSON if it ends in `.json`; default: standard error |
/// | `suppress` | the file of suppressions |
/// | `exclude` | a package or class prefix that is not instrumented; may be repeated |
/// | `include` | only classes with one of these prefixes are instrumented; may be repeated |
/// | `force` | every n-th allocation first runs Polder's shrinkers; default 0, never |
/// | `monitors` | `class` (default) or `field`: what makes a lock class of monitors |
/// | `advice` | `on`: scopes and masks that protect nothing are listed at the end |
/// | `status` | a file that always holds the number of reports so far; for `check` |
///
/// @param rules packs
/// @param report the result's file
/// @param suppress the suppressions' file
/// @param exclude prefixes
/// @param include prefixes
/// @param force n, or 0
/// @param monitors "class" or "field"
/// @param advice whether to advise
/// @param status the status file
record Options(List<String> rules, @Nullable Path report, @Nullable Path suppress,
        List<String> exclude, List<String> include, int force, String monitors, boolean advice,
        @Nullable Path status) {

    /// Parses the text after the `=` of `-javaagent`.
    ///
    /// @throws IllegalArgumentException naming the option that is wrong
    static Options parse(String text) {
        List<String> rules = new ArrayList<>();
        List<String> exclude = new ArrayList<>();
        List<String> include = new ArrayList<>();
        Path report = null;
        Path suppress = null;
        Path status = null;
        int force = 0;
        String monitors = "class";
        boolean advice = false;
        for (String option : text.isEmpty() ? new String[0] : text.split(",")) {
            int equals = option.indexOf('=');
            if (equals <= 0 || equals == option.length() - 1) {
                throw new IllegalArgumentException("'" + option + "' is not name=value");
            }
            String value = option.substring(equals + 1);
            switch (option.substring(0, equals)) {
                case "rules" -> rules.add(value);
                case "report" -> report = Path.of(value);
                case "suppress" -> suppress = Path.of(value);
                case "exclude" -> exclude.add(value.replace('.', '/'));
                case "include" -> include.add(value.replace('.', '/'));
                case "force" -> force = number(value);
                case "monitors" -> monitors = oneOf(value, "class", "field");
                case "advice" -> advice = oneOf(value, "on", "off").equals("on");
                case "status" -> status = Path.of(value);
                default -> throw new IllegalArgumentException("unknown option '" + option
                        + "'; there are rules, report, suppress, exclude, include, force, "
                        + "monitors, advice and status");
            }
        }
        return new Options(rules, report, suppress, exclude, include, force, monitors, advice,
                status);
    }

    private static int number(String value) {
        try {
            return Integer.parseUnsignedInt(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("force=" + value + " is no number", e);
        }
    }

    private static String oneOf(String value, String a, String b) {
        if (!value.equals(a) && !value.equals(b)) {
            throw new IllegalArgumentException("'" + value + "' can be " + a + " or " + b);
        }
        return value;
    }
}
