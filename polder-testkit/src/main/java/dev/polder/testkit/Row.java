package dev.polder.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Names the rows of the specification that a test proves, by their ids (`"B3"`, `{"H3", "H4"}`).
///
/// On a class it stands for all of the class's tests. [ConformanceList] reads these marks from the
/// class files and makes `docs/conformance.md` of them; an id that the catalogue does not know
/// fails the build.
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.METHOD, ElementType.TYPE})
public @interface Row {

    /// The rows' ids, a letter and a number each.
    String[] value();
}
