package dev.polder.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConformanceListTest {

    @TempDir
    Path root;

    private static final String NO_STATEMENTS = "id,statement,class,tests,counter\n";
    private static final String NO_PLACES = "number,linux,polder\n";

    private ConformanceList plant(String marks) {
        return plant(marks, NO_STATEMENTS, NO_PLACES);
    }

    private ConformanceList plant(String marks, String statements, String places) {
        Planted.write(root, Map.of("m/src/test/java/T.java", "class T {}\n",
                "pom.xml", "<module>m</module> <module>other</module>"));
        Planted.compile(root.resolve("m/target/test-classes"), Map.of("t/SampleTest.java", """
                package t;
                import dev.polder.testkit.Row;
                import org.junit.jupiter.api.Test;
                """ + marks));
        return ConformanceList.of(Repository.at(root), statements, places);
    }

    private void plantAProduct() {
        Planted.write(root, Map.of("polder-cli/src/main/java/dev/polder/cli/report/Figure.java",
                "enum Figure { STALLS(\"stalls\") }\n"));
        Planted.compile(root.resolve("m/target/classes"), Map.of("p/Memalloc.java",
                "package p; class Memalloc { void save() {} }"));
    }

    @Test
    void opensWithTheStatementsAndThePlaces() {
        plantAProduct();
        ConformanceList list = plant("""
                class SampleTest {
                    @Test @dev.polder.testkit.FallsShort("1") void scopes() {}
                }
                """, NO_STATEMENTS + "S,A document,,,\n"
                + "S1,Save marks,Memalloc.save,SampleTest.scopes;SampleTest,stalls\n",
                NO_PLACES + "1,it hangs,it tells\n");

        assertThat(list.problems()).isEmpty();
        assertThat(list.markdown())
                .contains("Do not edit.\n\n## What the documents say: A document\n")
                .contains("| S1 | Save marks | `Memalloc.save` | `SampleTest.scopes`, "
                        + "`SampleTest` | `stalls` |\n")
                .contains("| 1 | it hangs | it tells | `SampleTest.scopes` |\n");
    }

    @Test
    void findsStatementsAndPlacesThatNameWhatIsNotThere() {
        plantAProduct();
        ConformanceList list = plant("""
                class SampleTest {
                    @Test @dev.polder.testkit.FallsShort("9") void scopes() {}
                    void helper() {}
                }
                """, NO_STATEMENTS + "S1,x,Memalloc.gone,SampleTest.helper,nothing\n"
                + "S2,x,Gone,SampleTest.scopes,\n", NO_PLACES + "1,it hangs,it tells\n");

        assertThat(list.problems()).containsExactlyInAnyOrder(
                "statement S1 names Memalloc.gone, which does not exist",
                "statement S1 names SampleTest.helper, which is no test",
                "statement S1 names nothing, which the demo does not report",
                "statement S2 names Gone, which does not exist",
                "SampleTest.scopes names place 9, which does not exist",
                "place 1, where Linux falls short, has no test");
    }

    @Test
    void listsMarksOfMethodsAndClasses() {
        ConformanceList list = plant("""
                class SampleTest {
                    @Test @Row({"B1", "B2"}) void scopes() {}
                    @Row("H3") static class Mapping { @Test @Row("B2") void narrows() {} }
                }
                """);

        assertThat(list.problems()).isEmpty();
        assertThat(list.tested()).containsExactly("B1", "B2", "H3");
        assertThat(list.markdown())
                .contains("| `SampleTest$Mapping` |\n")
                .contains("| `SampleTest$Mapping.narrows`, `SampleTest.scopes` |\n")
                .contains(" 3 have tests; so have 0 further rows.\n")
                .contains("| B3 | yes | NOFS and NOIO are independent bits, nested either way round"
                        + " | none yet |\n");
    }

    @Test
    void findsMarksThatMeanNothing() {
        ConformanceList list = plant("""
                class SampleTest {
                    @Test @Row("B99") void unknown() {}
                    @Test @Row("B15") void doesNotApply() {}
                    @Row("B1") void isNoTest() {}
                }
                """);

        assertThat(list.problems()).containsExactlyInAnyOrder(
                "SampleTest.unknown names row B99, which does not exist",
                "SampleTest.doesNotApply names row B15, which does not apply",
                "SampleTest.isNoTest is marked with a row and is no test");
    }

    @Test
    void findsTestsThatAreNotCompiled() {
        Planted.write(root, Map.of("other/src/test/java/T.java", "class T {}\n"));
        assertThat(plant("class SampleTest {}").problems()).isEmpty();

        Planted.write(root, Map.of("other/src/test/java/U.java", "@Row(\"B1\") class U {}\n"));
        assertThat(plant("class SampleTest {}").problems())
                .containsExactly("the tests of other are not compiled; build all modules at once");
    }

    @Test
    void countsRecordedRowsThatDeviateByARuleOrAreLeftOut() {
        Planted.write(root, Map.of("m/src/test/resources/deviations.csv",
                "file,row,rule\nmasks.csv,1,I2\nmasks.csv,2,H4\nmasks.csv,3,I2\n",
                "m/src/test/resources/left-out.csv", """
                        file,rows,column,reason
                        masks.csv,6,,no such bit
                        masks.csv,2,kind,it has none
                        """));

        assertThat(plant("class SampleTest {}").markdown())
                .contains("\n3 rows have another expected value, by a rule that says so: "
                        + "H4 1, I2 2.")
                .contains("| `masks.csv` | 59 | 50 | 3 | 6 |\n| `gfp-context.csv` | 1444 | 1444 |")
                .contains("| `masks.csv` | 6 | no such bit |\n")
                .contains("| `masks.csv`, column `kind` | 2 | it has none |\n");
    }

    @Test
    void theCatalogueIsWhole() {
        ConformanceList list = plant("class SampleTest {}");

        assertThat(list.markdown()).startsWith("# Conformance").contains("Of 137 rows 10 do not");
        assertThat(list.applicable()).hasSize(127).doesNotHaveDuplicates();
    }
}
