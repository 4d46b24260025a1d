package dev.polder.lockdep.polder;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.instruction.InvokeDynamicInstruction;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;

/// The tracker's classes can be linked although the bootstrap loader sees them, too: see the
/// package's description.
class TrackerClassesTest {
    private int field;

    @Test
    void noneMentionsAnotherInAnInvokeDynamic() throws IOException {
        assertThat(mentions(PolderTracker.class)).isEmpty();
        assertThat(mentions(ForcedReclaim.class)).isEmpty();
        assertThat(mentions(Wiring.class)).isEmpty();
    }

    @Test
    void aLambdaThatCapturesThisIsSeen() throws IOException {
        IntSupplier planted = () -> field;
        assertThat(planted.getAsInt()).isZero();
        assertThat(mentions(TrackerClassesTest.class)).isNotEmpty();
    }

    private static List<String> mentions(Class<?> c) throws IOException {
        List<String> found = new ArrayList<>();
        try (InputStream in = c.getResourceAsStream(c.getSimpleName() + ".class")) {
            assertThat(in).isNotNull();
            ClassModel model = ClassFile.of().parse(in.readAllBytes());
            model.methods().forEach(m -> m.code().ifPresent(code -> code.forEach(e -> {
                if (e instanceof InvokeDynamicInstruction call && call.type().stringValue()
                        .contains(c.getPackageName().replace('.', '/') + "/")) {
                    found.add(c.getSimpleName() + "." + m.methodName().stringValue());
                }
            })));
        }
        return found;
    }
}
