package dev.polder.base;

/// A system property that is `true` or `false`.
public final class Switch {
    private Switch() {}

    /// Its value; false if it is not set.
    ///
    /// @throws IllegalArgumentException if it is anything else: a typing error would switch off
    ///     silently what somebody relies on
    public static boolean of(String property) {
        String value = System.getProperty(property, "false").strip();
        if (value.equalsIgnoreCase("true")) {
            return true;
        }
        if (value.equalsIgnoreCase("false")) {
            return false;
        }
        throw new IllegalArgumentException("the system property " + property
                + " must be true or false, not '" + value + "'");
    }
}
