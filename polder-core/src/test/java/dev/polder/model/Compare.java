package dev.polder.model;

import dev.polder.model.Model.Mistake;
import dev.polder.model.Outcome.Result;
import dev.polder.model.Program.Step;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import java.util.List;

/// Runs programs on the real pool and on the model, step by step. One thread.
public final class Compare implements AutoCloseable {

    /// Used by one pool after another: committing memory is what takes the time.
    private final PoolMemory memory =
            PoolMemory.open(RealPool.FRAMES, 0, true, MappingBudget.of(16));

    /// What differs first, with the step and the seed; empty if nothing does. A program ends early
    /// where a request waits for ever.
    public String firstDifference(Program program, Mistake... mistakes) {
        Model model = new Model(program, RealPool.FRAMES, RealPool.MIN, RealPool.LOW,
                RealPool.HIGH, mistakes);
        try (RealPool real = new RealPool(program, memory)) {
            List<Step> steps = program.steps();
            for (int i = 0; i < steps.size(); i++) {
                Outcome is = real.run(steps.get(i));
                Outcome should = model.run(steps.get(i), real.placed());
                String difference = is.difference(should);
                if (!difference.isEmpty()) {
                    return "seed " + program.seed() + "L, step " + i + " (" + steps.get(i) + "): "
                            + difference + "; consumers " + program.shrinkers();
                }
                if (is.result() == Result.WAITS) {
                    return "";
                }
            }
            real.verify();
        }
        return "";
    }

    @Override
    public void close() {
        memory.close();
    }
}
