package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.os.ChildJvm;
import dev.polder.os.PoolMemory;
import dev.polder.task.Task;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// What the system has given to a pool never exceeds the budget, by the system's own figures, while
/// threads take and free all kinds of memory beyond what there is.
@EnabledOnOs(OS.LINUX)
class BudgetTortureTest {
    private static ChildJvm.Result child(long claimed) {
        return ChildJvm.run(new ChildJvm.Limits("128m", 0), BudgetTorture.class,
                List.of(PoolMemory.class, Task.class), Long.toString(claimed));
    }

    @Test
    void residentMemoryNeverExceedsTheBudget() {
        ChildJvm.Result r = child(BudgetTorture.BUDGET);
        assertThat(r.output()).contains("nothing above the budget").contains("nothing left");
        assertThat(r.exitCode()).isZero();
    }

    /// The canary: against half of the budget the same figures must be too large.
    @Test
    void aPoolThatTookTwiceItsBudgetIsFound() {
        ChildJvm.Result r = child(BudgetTorture.BUDGET / 2);
        assertThat(r.output()).contains("above the budget: ").doesNotContain("nothing above");
        assertThat(r.exitCode()).isNotZero();
    }
}
