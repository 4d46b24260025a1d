package dev.polder.house;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.testkit.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `./polder check` as a person types it, on a program of a few lines that was compiled for Java 8.
@Tag("built-tree")
class CheckRunTest {

    private static final String PROGRAM = """
            import java.util.concurrent.locks.ReentrantLock;
            public class Tiny {
                static final ReentrantLock accounts = new ReentrantLock();
                static final Object journal = new Object();
                public static void main(String[] args) {
                    accounts.lock();
                    synchronized (journal) { System.out.println("there"); }
                    accounts.unlock();
                    if (args.length > 0 && args[0].equals("back")) {
                        synchronized (journal) { accounts.lock(); accounts.unlock(); }
                    }
                    System.exit(args.length > 1 ? Integer.parseInt(args[1]) : 0);
                }
            }
            """;

    private static final Path POLDER = Repository.here().root().resolve("polder");

    @TempDir
    private static Path folder;

    @BeforeAll
    static void compile() throws IOException {
        Path source = Files.writeString(folder.resolve("Tiny.java"), PROGRAM);
        int failed = ToolProvider.findFirst("javac").orElseThrow().run(System.out, System.err,
                "--release", "8", "-Xlint:-options", "-d", folder.toString(), source.toString());
        assertThat(failed).isZero();
        assertThat(Files.readAllBytes(folder.resolve("Tiny.class"))[7]).isEqualTo((byte) 52);
    }

    private static Shell.Result check(String words) throws Exception {
        return Shell.run(folder, Map.of(), POLDER + " check " + words);
    }

    @Test
    void aSoundProgramEndsWithItsOwnCode() throws Exception {
        Shell.Result sound = check("-- java -cp . Tiny there");
        assertThat(sound.code()).as(sound.output()).isZero();
        assertThat(sound.output()).contains("there", "nothing found", "1 classes instrumented");
        Shell.Result failing = check("-- java -cp . Tiny there 7");
        assertThat(failing.code()).as(failing.output()).isEqualTo(7);
        assertThat(failing.output()).contains("the program ended with exit code 7");
    }

    @Test
    void aCycleOnOneThreadIsFoundAndEndsWithThree() throws Exception {
        Shell.Result found = check("--report out.txt -- java -cp . Tiny back 7");
        assertThat(found.code()).as(found.output()).isEqualTo(3);
        assertThat(found.output()).contains("there", "found 1 problem; see out.txt");
        assertThat(Files.readString(folder.resolve("out.txt"))).contains(
                "possible circular locking dependency", "Tiny.accounts", "Tiny.java:10",
                "Tiny.java:7");
    }

    @Test
    void aSuppressedFindingIsNoneAndAnUnusedEntryIsTold() throws Exception {
        check("--report out.json -- java -cp . Tiny back");
        String id = Files.readString(folder.resolve("out.json"))
                .replaceFirst("(?s).*?\"id\":\"([0-9a-f]{8})\".*", "$1");
        Files.writeString(folder.resolve("accepted"), id + " only the main thread ever runs this\n"
                + "0badc0de something that was mended long ago\n");
        Shell.Result accepted =
                check("--suppress accepted --report out.txt -- java -cp . Tiny back");
        assertThat(accepted.code()).as(accepted.output()).isZero();
        assertThat(Files.readString(folder.resolve("out.txt"))).contains(
                "suppressed [" + id + "]", "only the main thread ever runs this",
                "unused suppression 0badc0de (something that was mended long ago)",
                "0 reports, 1 suppressed");
    }

    @Test
    void misuseEndsWithTwo() throws Exception {
        Shell.Result misuse = check("--rules no-such-pack -- java -cp . Tiny");
        assertThat(misuse.code()).as(misuse.output()).isEqualTo(2);
        assertThat(misuse.output()).contains("the packs that come along are")
                .doesNotContain("there\n");
    }
}
