package dev.polder.visit;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/// How each test of a run ended, read from the reports that JUnit's console launcher writes.
///
/// @param byTest "passed", "failed" or "skipped" by class and test; tests of one name are counted
record Results(Map<String, String> byTest) {
    /// Reads every report of the folder.
    static Results of(Path folder) {
        Map<String, String> byTest = new TreeMap<>();
        try (Stream<Path> files = Files.list(folder)) {
            DocumentBuilder parser = DocumentBuilderFactory.newInstance().newDocumentBuilder();
            for (Path f : files.sorted().toList()) {
                read(parser.parse(new File(f.toString())).getElementsByTagName("testcase"), byTest);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ParserConfigurationException | SAXException e) {
            throw new AssertionError("the reports in " + folder + " cannot be read", e);
        }
        return new Results(byTest);
    }

    private static void read(NodeList tests, Map<String, String> byTest) {
        for (int i = 0; i < tests.getLength(); i++) {
            Element test = (Element) tests.item(i);
            String name = test.getAttribute("classname") + "#" + test.getAttribute("name");
            String ended = test.getElementsByTagName("skipped").getLength() > 0 ? "skipped"
                    : test.getElementsByTagName("failure").getLength()
                            + test.getElementsByTagName("error").getLength() > 0
                    ? "failed" : "passed";
            byTest.merge(stable(name), ended, (a, b) -> a + "," + b);
        }
    }

    /// The name without identity hashes, which parameters without a `toString` put into it.
    private static String stable(String name) {
        return name.replaceAll("@[0-9a-f]{5,8}\\b", "@");
    }

    /// How many passed.
    long passed() {
        return byTest.values().stream().flatMap(v -> List.of(v.split(",")).stream())
                .filter("passed"::equals).count();
    }
}
