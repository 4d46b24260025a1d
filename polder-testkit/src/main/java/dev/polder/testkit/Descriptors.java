package dev.polder.testkit;

import java.util.Set;

/// Finds the class names in descriptors and generic signatures (JVMS 4.3, 4.7.9.1).
final class Descriptors {

    private Descriptors() {}

    /// Adds the binary name of each class that the text names.
    ///
    /// Both grammars write a class as `L`, its name with slashes, and `;` or, with type arguments,
    /// `<`. What else stands in them are primitive letters, type variables `TName;`, the names of
    /// type parameters before `:`, and `.Name` for a member of a parameterized class (the class
    /// constants name that one anyway); those are skipped as a whole.
    static void addClasses(String text, Set<String> names) {
        int i = 0;
        while (i < text.length()) {
            char c = text.charAt(i);
            if (isParameterName(text, i)) {
                i = text.indexOf(':', i) + 1;
            } else if (c == 'L') {
                int end = endOfName(text, i + 1);
                names.add(text.substring(i + 1, end).replace('/', '.'));
                i = end;
            } else if (c == '.') {
                i = endOfName(text, i + 1);
            } else if (c == 'T') {
                i = text.indexOf(';', i) + 1;
            } else {
                i++;
            }
        }
    }

    /// Whether an identifier that ends in a colon begins here: a type parameter's name and its
    /// bound.
    private static boolean isParameterName(String text, int start) {
        int end = start;
        while (end < text.length() && Character.isJavaIdentifierPart(text.charAt(end))) {
            end++;
        }
        return end > start && end < text.length() && text.charAt(end) == ':';
    }

    private static int endOfName(String text, int start) {
        int end = start;
        while (";<.".indexOf(text.charAt(end)) < 0) {
            end++;
        }
        return end;
    }
}
