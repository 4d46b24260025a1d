package dev.polder.testkit;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LayeringTest {

    private static final String TABLE = """
            L0 low
            L0 (far)
            L1 left: low
            L1 right: far
            L2 app: left right
            """;

    @TempDir
    Path folder;

    private void compile(String lowBody, String... more) {
        Map<String, String> sources = new HashMap<>(Map.of(
                "low/Low.java", "package app.low; public class Low {" + lowBody + "}",
                "far/Far.java", "package app.far; public @interface Far {}",
                "left/Left.java", "package app.left; public class Left<T> extends app.low.Low {}",
                "right/Right.java", "package app.right; @app.far.Far public class Right {}",
                "Top.java", "package app; class Top { app.left.Left<app.right.Right> f; }"));
        for (int i = 0; i < more.length; i += 2) {
            sources.put(more[i], more[i + 1]);
        }
        Planted.compile(folder.resolve("classes"), sources);
    }

    private void check(String table, int atLeast) {
        Layering.of("app", table).permit("java.").check(folder.resolve("classes"), atLeast);
    }

    @Test
    void acceptsWhatTheTableSays() {
        compile("");

        assertThatCode(() -> check(TABLE, 5)).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "app.left.Left<?> field;",
        "java.util.List<app.left.Left<?>> generic;",
        "app.left.Left<?>[] array;",
        "void parameter(long a, app.left.Left<?> p) {}",
        "<T extends app.left.Left<?>> void bound() {}",
        "void body() { new app.left.Left<String>(); }",
        "void handle() { java.util.function.Supplier<?> s = app.left.Left::new; }",
        "Object literal = app.left.Left[].class;",
        "record R(java.util.Map<Long, app.left.Left<?>> component) {}"
    })
    void findsAnUpwardUseWhereverItStands(String planted) {
        compile(planted);

        assertThatThrownBy(() -> check(TABLE, 5))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("app.left.Left: upward (L0 low, L1 left)")
                .hasMessageContaining("the line for low, after the code: L0 low: left");
    }

    @Test
    void findsAnAnnotationFromAbove() {
        compile("", "left/Mark.java", "package app.left; public @interface Mark {}",
                "low/Marked.java", "package app.low; class Marked { @app.left.Mark int x; }");

        assertThatThrownBy(() -> check(TABLE, 5))
                .hasMessageContaining("app.low.Marked uses app.left.Mark: upward");
    }

    @Test
    void findsASibling() {
        compile("", "left/Sideways.java",
                "package app.left; class Sideways { app.right.Right r; }");

        assertThatThrownBy(() -> check(TABLE, 5))
                .hasMessageContaining("uses app.right.Right: sideways (L1 left, L1 right)");
    }

    @Test
    void findsAUseThatIsAllowedButNotListed() {
        compile("", "Deep.java", "package app; class Deep { app.low.Low low; }");

        assertThatThrownBy(() -> check(TABLE, 5))
                .hasMessageContaining("app.Deep uses app.low.Low: downward, but not listed")
                .hasMessageContaining("L2 app: left low right");
    }

    @Test
    void findsAListedUseThatDoesNotOccur() {
        compile("");

        assertThatThrownBy(() -> check(TABLE.replace("app: left", "app: low left"), 5))
                .hasMessageContaining("the line for app, after the code: L2 app: left right");
    }

    @Test
    void findsStrangers() {
        compile("java.util.logging.Logger ok; javax.tools.Tool notOk;");

        assertThatThrownBy(() -> check(TABLE, 5))
                .hasMessageContaining("app.low.Low uses javax.tools.Tool, which is not permitted");
    }

    @Test
    void findsPackagesWithoutALineAndLinesWithoutAPackage() {
        compile("", "extra/Extra.java", "package app.extra; class Extra {}");

        assertThatThrownBy(() -> check(TABLE + "L1 ghost: low", 5))
                .hasMessageContaining("package extra has no line in the table")
                .hasMessageContaining("package ghost is in the table and has no class");
    }

    @Test
    void failsWhenItSawTooLittle() {
        compile("");

        assertThatThrownBy(() -> check(TABLE, 50)).hasMessageContaining("only 5 classes");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "L0 a\nL1 b: a c\nL1 c", "L0 a: b\nL1 b", "L0 a\nL1 b: nobody", "L0 a\nL0 a", "L0", "0 a",
        "L0 a: b: c"
    })
    void refusesATableThatIsNoStaircase(String table) {
        assertThatThrownBy(() -> Layering.of("app", table))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
