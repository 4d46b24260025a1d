package dev.polder.cli.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class ByteSizeTest {

    @ParameterizedTest
    @CsvSource({"96m, 100663296", "96M, 100663296", "96MiB, 100663296", "1g, 1073741824",
        "512k, 524288", "4096, 4096", "2t, 2199023255552", "0, 0"})
    void readsSizesAsPeopleWriteThem(String text, long bytes) {
        assertThat(new ByteSize().convert(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "m", "-1m", "1.5g", "96x", "0x10", "999999999999999t"})
    void refusesWhatIsNoSize(String text) {
        assertThatThrownBy(() -> new ByteSize().convert(text))
                .isInstanceOf(TypeConversionException.class).hasMessageContaining("'" + text + "'");
    }

    @Test
    void writesTheUnitThatFits() {
        assertThat(ByteSize.text(100663296)).isEqualTo("96.0 MiB");
        assertThat(ByteSize.text(12)).isEqualTo("12 B");
        assertThat(ByteSize.text(-2048)).isEqualTo("-2.0 KiB");
    }

    @Test
    void aFullDiskIsToldAsOneSentence() {
        IOException full = new IOException("No space left on device");
        assertThat(CannotRun.isOrdinary(full)).isTrue();
        assertThat(CannotRun.io("write x", full))
                .hasMessage("Cannot write x: the disk is full; free "
                + "some space or choose another place with --work-dir.");
        assertThat(CannotRun.io("write x", new AccessDeniedException("/y")))
                .hasMessage("Cannot write x: no permission for /y.");
        assertThat(CannotRun.isOrdinary(new IOException("a bug"))).isFalse();
    }
}
