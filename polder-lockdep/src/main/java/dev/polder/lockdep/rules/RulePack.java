package dev.polder.lockdep.rules;

import dev.polder.lockdep.engine.ReclaimLevel;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// A text file of rules.
///
/// ```
/// pack    = { line }
/// line    = empty | "#" comment | rule
/// rule    = "alloc"   method [ "mask" mask ]
///         | "reclaim" method [ "mask" mask ]
///         | "wait"    method [ "for" name ]
///         | "wakes"   method [ "until" method ] [ "for" name ]
///         | "nest"    class
///         | "ignore"  method
/// method  = class "#" ( identifier [ "(" [ type { "," type } ] ")" ] | "*" )
/// class   = the full name, inner classes with "$"
/// type    = the simple name of a parameter's type, arrays with "[]"
/// mask    = "GFP_KERNEL" | "GFP_NOFS" | "GFP_NOIO"
/// name    = anything up to the end of the line; "memory of X" is memory, else "memory of" and the
///           class is meant
/// ```
///
/// A class is meant with its subclasses and implementations. Without parameters all overloads are
/// meant.
public final class RulePack {
    private static final String CLASS = "[\\w$]+(?:\\.[\\w$]+)*";
    private static final Pattern METHOD =
            Pattern.compile("(" + CLASS + ")#([\\w$]+|\\*)(?:\\(([^)]*)\\))?");
    private static final List<String> SHIPPED =
            List.of("polder", "spark", "arrow", "netty", "caffeine", "flink", "cassandra");

    private final String source;
    private final List<Rule> rules = new ArrayList<>();

    private RulePack(String source) {
        this.source = source;
    }

    /// The names of the packs that come along.
    public static List<String> shipped() {
        return SHIPPED;
    }

    /// Reads a shipped pack by its name, or else a file.
    ///
    /// @throws IllegalArgumentException when there is neither, or naming the file and line that is
    ///     wrong
    public static List<Rule> load(String nameOrFile) throws IOException {
        String name = nameOrFile.toLowerCase(Locale.ROOT);
        if (SHIPPED.contains(name)) {
            try (InputStream in = RulePack.class.getResourceAsStream(name + ".rules")) {
                if (in == null) {
                    throw new IllegalArgumentException("the pack " + name + " is not in this jar");
                }
                String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
                return parse(name, text.lines().toList());
            }
        }
        Path file = Path.of(nameOrFile);
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException("no rule pack '" + nameOrFile
                    + "': there is no such file, and the packs that come along are "
                    + String.join(", ", SHIPPED));
        }
        return parse(nameOrFile, TextFile.lines(file));
    }

    /// Reads lines.
    ///
    /// @param source what to call them in messages
    public static List<Rule> parse(String source, List<String> lines) {
        RulePack pack = new RulePack(source);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (!line.isEmpty() && !line.startsWith("#")) {
                pack.rules.add(pack.rule(line, i + 1));
            }
        }
        return pack.rules;
    }

    private Rule rule(String line, int number) {
        String[] words = line.split("\\s+");
        Rule.Verb verb = verb(words[0], number);
        if (words.length < 2) {
            throw wrong(number, "'" + words[0] + "' needs a "
                    + (verb == Rule.Verb.NEST ? "class" : "class#method"));
        }
        if (verb == Rule.Verb.NEST) {
            if (!words[1].matches(CLASS)) {
                throw wrong(number, "'" + words[1] + "' is no class name");
            }
            noMore(words, 2, number);
            return new Rule(verb, words[1], "", null, null, "", 0, at(number), false);
        }
        int next = 2;
        int level = ReclaimLevel.KERNEL;
        boolean masked = verb == Rule.Verb.ALLOC || verb == Rule.Verb.RECLAIM;
        if (masked && is(words, next, "mask")) {
            level = level(words, next + 1, number);
            next += 2;
        }
        @Nullable String until = null;
        if (verb == Rule.Verb.WAKES && is(words, next, "until")) {
            until = word(words, next + 1, number, "'until' needs a class#method");
            next += 2;
        }
        String name = "memory of " + words[1].replaceAll("#.*", "");
        boolean named = verb == Rule.Verb.WAIT || verb == Rule.Verb.WAKES;
        if (named && is(words, next, "for")) {
            word(words, next + 1, number, "'for' needs a name");
            name = line.replaceFirst("^.*?\\sfor\\s+", "");
            next = words.length;
        }
        noMore(words, next, number);
        Rule end = until == null ? null
                : method(verb, until, null, name, level, number, true);
        return method(verb, words[1], end, named ? name : "", level, number, false);
    }

    private Rule method(Rule.Verb verb, String text, @Nullable Rule until, String name, int level,
            int number, boolean isEnd) {
        Matcher m = METHOD.matcher(text);
        if (!m.matches()) {
            throw wrong(number, "'" + text + "' is no class#method (full class name, '$' before an "
                    + "inner class, '*' for every method, parameter types without spaces)");
        }
        @Nullable String types = m.group(3);
        List<String> parameters = types == null ? null
                : types.isEmpty() ? List.of() : List.of(types.split(","));
        if (m.group(2).startsWith("<")) {
            throw wrong(number, "a constructor cannot be named by a rule");
        }
        return new Rule(verb, m.group(1), m.group(2), parameters, until, name, level, at(number),
                isEnd);
    }

    private Rule.Verb verb(String word, int number) {
        for (Rule.Verb v : Rule.Verb.values()) {
            if (v.name().toLowerCase(Locale.ROOT).equals(word)) {
                return v;
            }
        }
        throw wrong(number, "'" + word + "' is no rule; there are alloc, reclaim, wait, "
                + "wakes, nest and ignore");
    }

    private int level(String[] words, int at, int number) {
        String word = word(words, at, number, "'mask' needs a mask");
        return switch (word) {
            case "GFP_KERNEL" -> ReclaimLevel.KERNEL;
            case "GFP_NOFS" -> ReclaimLevel.IO;
            case "GFP_NOIO" -> ReclaimLevel.NONE;
            default -> throw wrong(number, "'" + word
                    + "' is no mask of a rule; there are GFP_KERNEL, GFP_NOFS and GFP_NOIO");
        };
    }

    private static boolean is(String[] words, int at, String what) {
        return at < words.length && words[at].equals(what);
    }

    private String word(String[] words, int at, int number, String otherwise) {
        if (at >= words.length) {
            throw wrong(number, otherwise);
        }
        return words[at];
    }

    private void noMore(String[] words, int from, int number) {
        if (from < words.length) {
            throw wrong(number, "'" + words[from] + "' was not expected here");
        }
    }

    private String at(int number) {
        return source + ":" + number;
    }

    private IllegalArgumentException wrong(int number, String what) {
        return new IllegalArgumentException(at(number) + ": " + what);
    }
}
