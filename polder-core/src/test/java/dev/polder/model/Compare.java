package dev.polder.model;

import dev.polder.base.Frames;
import dev.polder.model.Outcome.Result;
import dev.polder.model.Program.Step;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;

/// Runs programs on the real pool and on the model, step by step. One thread.
final class Compare implements AutoCloseable {
    /// Runs of programs spent on making one that differs shorter.
    private static final int SHORTENING = 400;

    /// Used by one pool after another: committing memory is what takes the time. Most of all where
    /// it can be mapped twice, so only programs with areas have that.
    private final PoolMemory memory =
            PoolMemory.open(RealPool.FRAMES, 0, true, MappingBudget.of(16));
    private final PoolMemory mapping = PoolMemory.open(RealPool.FRAMES,
            Frames.bytes(RealPool.SPACE), false, MappingBudget.of(16));

    /// What a step of a program led to on the real pool, and where that put what it handed out.
    record Seen(Step step, Outcome outcome, Told told) {
    }

    /// Runs the program on the real pool, to its end or to a request that waits for ever.
    List<Seen> run(Program program) {
        List<Seen> seen = new ArrayList<>();
        try (RealPool real = new RealPool(program, program.hasAreas() ? mapping : memory)) {
            for (Step step : program.steps()) {
                Outcome is = real.run(step);
                seen.add(new Seen(step, is, real.told()));
                if (is.result() == Result.WAITS) {
                    break;
                }
            }
            real.verify().ifPresent(seen.getLast().outcome().facts()::add);
        }
        return seen;
    }

    /// What differs first between what was seen and the model, with the step; empty if nothing
    /// does.
    static String difference(Program program, List<Seen> seen, Mistake... mistakes) {
        Model model = new Model(program,
                new ModelPages.Marks(RealPool.MIN, RealPool.LOW, RealPool.HIGH),
                new ModelAreas.Limits(RealPool.SPACE, RealMemory.MAPPINGS, RealPool.FRAMES),
                RealPool.SLACK, mistakes);
        try {
            for (int i = 0; i < seen.size(); i++) {
                String difference = difference(model, seen.get(i));
                if (!difference.isEmpty()) {
                    return "step " + i + " (" + seen.get(i).step() + "): " + difference;
                }
            }
        } catch (Unsure end) {
            return "";
        }
        return "";
    }

    private static String difference(Model model, Seen seen) {
        try {
            return seen.outcome.difference(model.run(seen.step, seen.told));
        } catch (AssertionError | NoSuchElementException otherwise) {
            return "the model could not follow: " + otherwise.getMessage() + "; the real result: "
                    + seen.outcome.result();
        }
    }

    /// Whether there are areas, which only a system that can map frames twice has.
    boolean hasAreas() {
        return mapping.canRemap();
    }

    /// What differs first when the program runs on both.
    String firstDifference(Program program) {
        return difference(program, run(program));
    }

    /// The same program without the steps that it does not need to differ.
    Program shortened(Program program) {
        Program best = program;
        int tries = 0;
        for (int piece = program.steps().size() / 2; piece > 0; piece /= 2) {
            int at = 0;
            while (at < best.steps().size() && tries++ < SHORTENING) {
                List<Step> less = new ArrayList<>(best.steps());
                less.subList(at, Math.min(at + piece, less.size())).clear();
                Program shorter = new Program(best.seed(), best.shrinkers(), less);
                if (firstDifference(shorter).isEmpty()) {
                    at += piece;
                } else {
                    best = shorter;
                }
            }
        }
        return best;
    }

    @Override
    public void close() {
        memory.close();
        mapping.close();
    }
}
