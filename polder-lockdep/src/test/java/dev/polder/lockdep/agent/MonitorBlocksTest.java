package dev.polder.lockdep.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.museum.Blocks;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.MonitorInstruction;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Which blocks of `Blocks` are quiet, and where the hooks of their ends go.
class MonitorBlocksTest {
    /// @param enters blocks; @param quiet quiet ones; @param later ends whose hook comes later
    @ParameterizedTest
    @CsvSource({"secondAlone, 1, 0, 1", "underSecond, 1, 1, 0", "firstThenSecond, 2, 1, 1",
        "ends, 1, 0, 1", "throwsInside, 2, 1, 1", "recursive, 1, 0, 1", "step, 0, 0, 0"})
    void blocks(String method, int enters, int quiet, int later) throws IOException {
        ClassModel model = model();
        List<CodeElement> code = model.methods().stream()
                .filter(m -> m.methodName().equalsString(method)).findFirst().orElseThrow()
                .code().orElseThrow().elementList();
        MonitorBlocks blocks = new MonitorBlocks(model.thisClass().asSymbol(), code);
        int entered = 0;
        int entersQuiet = 0;
        int leftLater = 0;
        int leftBefore = 0;
        for (int i = 0; i < code.size(); i++) {
            leftLater += blocks.isLeftLater(i) ? 1 : 0;
            leftBefore += blocks.leftBefore(i) >= 0 ? 1 : 0;
            if (code.get(i) instanceof MonitorInstruction m) {
                assertThat(blocks.slot(i)).isPositive();
                boolean enter = m.opcode() == Opcode.MONITORENTER;
                entered += enter ? 1 : 0;
                entersQuiet += enter && blocks.isQuiet(i) ? 1 : 0;
            }
        }
        assertThat(List.of(entered, entersQuiet, leftLater, leftBefore))
                .isEqualTo(List.of(enters, quiet, later, later));
    }

    @ParameterizedTest
    @CsvSource({"quiet, true", "calls, false"})
    void methods(String method, boolean quiet) throws IOException {
        ClassModel model = ClassFile.of().parse(bytes("Blocks$Node"));
        List<CodeElement> code = model.methods().stream()
                .filter(m -> m.methodName().equalsString(method)).findFirst().orElseThrow()
                .code().orElseThrow().elementList();
        assertThat(MonitorBlocks.isQuiet(model.thisClass().asSymbol(), code)).isEqualTo(quiet);
    }

    private static ClassModel model() throws IOException {
        return ClassFile.of().parse(bytes("Blocks"));
    }

    private static byte[] bytes(String name) throws IOException {
        try (InputStream in = Objects.requireNonNull(
                Blocks.class.getResourceAsStream(name + ".class"))) {
            return in.readAllBytes();
        }
    }
}
