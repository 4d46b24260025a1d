package dev.polder.testkit;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TidyTest {

    private static final String DESCRIPTION = """
            /// A package.
            @NullMarked
            package p;

            import org.jspecify.annotations.NullMarked;
            """;

    @TempDir
    Path root;

    private void plant(String module, String name, String text) {
        String main = module + "/src/main/java/p/";
        Planted.write(root, Map.of(
                "pom.xml", "<module>polder-core</module> <module>polder-cli</module>",
                main + "package-info.java", DESCRIPTION,
                "polder-core/src/test/java/p/ATest.java", "package p;\nclass ATest {}\n"));
        Planted.write(root, Map.of(name.contains("/") ? name : main + name, text));
    }

    private void checkPlanted() {
        Tidy.check(Repository.at(root), 3);
    }

    private static String classOf(String body) {
        return "package p;\n\n/// A class.\nfinal class A {\n    " + body + "\n}\n";
    }

    @Test
    void theRepositoryIsTidy() {
        Tidy.check(Repository.here(), 15);
    }

    @Test
    void acceptsWhatIsTidy() {
        plant("polder-core", "A.java", classOf("int x;"));

        assertThatCode(this::checkPlanted).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "void f() { System.out.println(); }  | System.out: a library does not print",
        "void f() { System.err.println(); }  | System.err: a library does not print",
        "void f() { System.exit(1); }        | System.exit: a library does not end",
        "void f(Exception e) { e.printStackTrace(); }             | printStackTrace",
        "void f() throws Exception { Thread.sleep(1); }           | Thread.sleep: wait for",
        "void f() throws Exception { java.util.concurrent.TimeUnit.DAYS.sleep(1); } | .sleep",
        "long f() { return System.nanoTime(); }                   | the manager's time",
        "Object f = java.util.concurrent.locks.LockSupport.class; | ",
        "sun.misc.Unsafe f;                                       | sun.misc.Unsafe: the JDK's",
        "static final class StringUtils {}                        | StringUtils is a bag",
        "int\tx;                                                  | a tab",
        "int x;   //                                              | "
    })
    void findsPlantedCode(String body, String message) {
        plant("polder-core", "A.java", classOf(body));

        if (message == null) {
            assertThatCode(this::checkPlanted).doesNotThrowAnyException();
        } else {
            assertThatThrownBy(this::checkPlanted)
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("polder-core/src/main/java/p/A.java:5: ")
                    .hasMessageContaining(message);
        }
    }

    @Test
    void theCommandLineMayPrintAndOthersMayReadTheTime() {
        plant("polder-cli", "A.java",
                classOf("void f() { System.out.println(System.nanoTime()); System.exit(2); }"));

        assertThatCode(this::checkPlanted).doesNotThrowAnyException();
    }

    @Test
    void findsLongLinesFilesAndMethods() {
        plant("polder-core", "A.java", classOf("// " + "x".repeat(94)));
        assertThatThrownBy(this::checkPlanted).hasMessageContaining("the line has 101 char");

        plant("polder-core", "A.java", classOf("// " + "\uD83D\uDE00".repeat(93)));
        assertThatCode(this::checkPlanted).doesNotThrowAnyException();

        plant("polder-core", "A.java", classOf("\n".repeat(695)));
        assertThatThrownBy(this::checkPlanted).hasMessageContaining("the file has 701 lines");

        plant("polder-core", "A.java", classOf("void f() {" + "\n".repeat(70) + "}"));
        assertThatThrownBy(this::checkPlanted).hasMessageContaining("method f has 71 lines");

        plant("polder-core", "A.java", classOf("void f() {" + "\n".repeat(69) + "}"));
        assertThatCode(this::checkPlanted).doesNotThrowAnyException();
    }

    @Test
    void findsTrailingSpaceAndUnfinishedWork() {
        plant("polder-core", "A.java", classOf("int x; "));
        assertThatThrownBy(this::checkPlanted).hasMessageContaining("white space at the end");

        plant("polder-core", "A.java", classOf("// TO" + "DO: later"));
        assertThatThrownBy(this::checkPlanted).hasMessageContaining("unfinished work");
    }

    @Test
    void findsClassesThatAreOpenOrNotDescribed() {
        plant("polder-core", "A.java", "package p;\n\nclass A {}\n");

        assertThatThrownBy(this::checkPlanted)
                .hasMessageContaining("class A is open to extension")
                .hasMessageContaining("A is not described");
    }

    @Test
    void findsPackagesThatAreNotDescribed() {
        plant("polder-core", "polder-core/src/main/java/q/B.java",
                "package q;\n\n/// B.\nenum B {}\n");
        assertThatThrownBy(this::checkPlanted).hasMessageContaining("q/package-info.java:1: ");

        plant("polder-core", "polder-core/src/main/java/q/package-info.java", "package q;\n");
        assertThatThrownBy(this::checkPlanted)
                .hasMessageContaining("q/package-info.java:1: the package is not described")
                .hasMessageContaining("q/package-info.java:1: the package is not @NullMarked");
    }

    @Test
    void findsTestsThatAreSwitchedOff() {
        plant("polder-core", "polder-core/src/test/java/p/BTest.java",
                "package p;\n@org.junit.jupiter.api.Disabled class BTest {}\n");

        assertThatThrownBy(this::checkPlanted).hasMessageContaining("BTest.java:2: a test that is");
    }

    @Test
    void failsWhenItSawTooLittleOrWhatDoesNotParse() {
        plant("polder-core", "A.java", classOf("int x;"));
        assertThatThrownBy(() -> Tidy.check(Repository.at(root), 4))
                .hasMessageContaining("only 3 sources");

        plant("polder-core", "A.java", classOf("int x"));
        assertThatThrownBy(this::checkPlanted).hasMessageContaining("expected");
    }
}
