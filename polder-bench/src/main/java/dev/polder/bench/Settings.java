package dev.polder.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What the command line asks for.
///
/// @param suites names of suites, at least one
/// @param rounds times that every row is run
/// @param forks JVMs of a row in a round; 0 measures in this one, for tests
/// @param warmups iterations that do not count
/// @param iterations iterations that count
/// @param millis length of each
/// @param libraries folder of jemalloc and mimalloc, or empty for the system's places
/// @param out folder for the report, or empty for none
record Settings(List<String> suites, int rounds, int forks, int warmups, int iterations, int millis,
        String libraries, String out) {
    static final String USAGE = """
            usage: bench [--rounds=5] [--warmups=4] [--iterations=5] [--millis=500]
                         [--libraries=FOLDER] [--out=FOLDER] SUITE...
            suites: small one two handoff virtual prices checks sampling smoke all
            """;

    /// Reads the arguments.
    ///
    /// @throws IllegalArgumentException with what is wrong and the usage
    static Settings parse(List<String> arguments) {
        List<String> suites = new ArrayList<>();
        Map<String, List<Row>> known = Row.suites();
        Settings s = new Settings(suites, 5, 1, 4, 5, 500, "", "");
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            if (argument.startsWith("--") && equals > 0) {
                s = s.with(argument.substring(2, equals), argument.substring(equals + 1));
            } else if (argument.equals("all")) {
                suites.addAll(List.of("one", "two", "handoff", "virtual", "prices", "checks",
                        "sampling"));
            } else if (known.containsKey(argument)) {
                suites.add(argument);
            } else {
                throw wrong(argument);
            }
        }
        if (suites.isEmpty()) {
            throw new IllegalArgumentException("name a suite\n" + USAGE);
        }
        return s;
    }

    /// The rows of the suites.
    List<Row> rows() {
        return suites.stream().distinct().flatMap(name ->
                Row.suites().getOrDefault(name, List.of()).stream()).toList();
    }

    private Settings with(String option, String value) {
        return switch (option) {
            case "rounds" -> new Settings(suites, number(value), forks, warmups, iterations,
                    millis, libraries, out);
            case "forks" -> new Settings(suites, rounds, Integer.parseInt(value), warmups,
                    iterations, millis, libraries, out);
            case "warmups" -> new Settings(suites, rounds, forks, number(value), iterations,
                    millis, libraries, out);
            case "iterations" -> new Settings(suites, rounds, forks, warmups, number(value),
                    millis, libraries, out);
            case "millis" -> new Settings(suites, rounds, forks, warmups, iterations,
                    number(value), libraries, out);
            case "libraries" -> new Settings(suites, rounds, forks, warmups, iterations, millis,
                    Path.of(value).toAbsolutePath().toString(), out);
            case "out" -> new Settings(suites, rounds, forks, warmups, iterations, millis,
                    libraries, value);
            default -> throw wrong("--" + option);
        };
    }

    private static int number(String value) {
        int n = Integer.parseInt(value);
        if (n < 1) {
            throw new IllegalArgumentException("at least 1, not " + value + "\n" + USAGE);
        }
        return n;
    }

    private static IllegalArgumentException wrong(String argument) {
        return new IllegalArgumentException("no suite or option " + argument + "\n" + USAGE);
    }
}
