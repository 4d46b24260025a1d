package dev.polder;

import org.jspecify.annotations.Nullable;

/// Says what a fault in a pool's memory may mean.
///
/// The JVM turns the signal into an InternalError whose stack names the Java line, or one a little
/// later where compiled code ran on, and whose message names no address.
final class Faults {
    private Faults() {}

    static @Nullable String explain(PolderConfig config, Wiring parts, Throwable thrown) {
        Throwable fault = thrown;
        while (fault != null && !(fault instanceof InternalError)) {
            fault = fault.getCause();
        }
        if (fault == null) {
            return null;
        }
        StackTraceElement[] stack = fault.getStackTrace();
        StringBuilder out = new StringBuilder("memory was touched that nobody may touch");
        if (stack.length > 0) {
            out.append(", at or shortly before ").append(place(stack));
        }
        out.append(". The JVM does not tell the address. In pool '").append(config.name())
                .append("' it may be, the likeliest first:");
        parts.slabs().explain(stack, out);
        return out.append("\n* a step over the end of a vmalloc area, a use of one that was freed"
                + " and unmapped, of what kmalloc(0) returned, or of anything after the pool"
                + " was closed").toString();
    }

    /// The first frame outside the JDK.
    private static StackTraceElement place(StackTraceElement[] stack) {
        for (StackTraceElement frame : stack) {
            String module = frame.getModuleName();
            if (module == null || !module.startsWith("java.")) {
                return frame;
            }
        }
        return stack[0];
    }
}
