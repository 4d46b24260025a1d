package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.os.ChildJvm;
import dev.polder.task.Task;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// When the Java heap is full no free fails, and nothing is lost of what is off the heap.
@EnabledOnOs(OS.LINUX)
final class HeapShortageTest {
    @Test
    void nothingIsLostWhenTheJavaHeapIsFull() {
        ChildJvm.Result r = ChildJvm.run(new ChildJvm.Limits("40m", 0), HeapShortage.class,
                List.of(Polder.class, Task.class));
        assertThat(r.output()).contains("nothing was lost");
        assertThat(r.exitCode()).isZero();
    }
}
