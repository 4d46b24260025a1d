package dev.polder.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks a test that shows one of the places mended where Linux, as recorded, falls short: by its
/// number in `falls-short.csv`, a text because that is what [ClassFile] reads.
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.METHOD, ElementType.TYPE})
public @interface FallsShort {

    /// `"1"` to `"7"`.
    String[] value();
}
