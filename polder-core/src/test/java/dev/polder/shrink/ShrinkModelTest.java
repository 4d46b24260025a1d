package dev.polder.shrink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.shrink.ShrinkModel.Answer;
import dev.polder.shrink.ShrinkModel.Mistake;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The driver against the model: random passes over one shrinker, with the same answers for both;
/// after each the requests must be the same, and what is deferred.
@Row({"F1", "F3", "F4", "F5", "F6", "F7", "F8"})
final class ShrinkModelTest {

    private static final int PROGRAMS = 300;
    private static final int PASSES = 60;
    private static final int ANSWERS = 40;

    /// A shrinker that does as the program says and writes down what it is asked.
    private static final class Scripted implements Shrinker {

        long counted;
        List<Answer> answers = List.of();
        final List<Long> requests = new ArrayList<>();

        @Override
        public long count(ShrinkControl sc) {
            return counted;
        }

        @Override
        public long scan(ShrinkControl sc) {
            Answer answer = answers.get(requests.size() % answers.size());
            requests.add(sc.toScan());
            if (answer.stop()) {
                return STOP;
            }
            sc.scanned(answer.scanned());
            return answer.scanned();
        }
    }

    @Test
    void driverAndModelAgree() {
        long seed = new Random().nextLong();
        for (int i = 0; i < PROGRAMS; i++) {
            assertThat(firstDifference(seed + i, new ShrinkModel()))
                    .as("seed %dL", seed + i).isEmpty();
        }
    }

    /// The canary: with any one mistake in the model the comparison fails.
    @ParameterizedTest
    @EnumSource(Mistake.class)
    void oneMistakeIsNoticed(Mistake mistake) {
        boolean noticed = false;
        for (int i = 0; i < PROGRAMS && !noticed; i++) {
            noticed = !firstDifference(i, new ShrinkModel(mistake)).isEmpty();
        }
        assertThat(noticed).isTrue();
    }

    /// Runs one random program on both; what differs first, or nothing.
    private static String firstDifference(long seed, ShrinkModel model) {
        Random random = new Random(seed);
        WalkRig rig = new WalkRig();
        Scripted shrinker = new Scripted();
        int seeks = random.nextInt(6);
        int batch = 1 + random.nextInt(300);
        ShrinkerHandle handle =
                rig.registry.register("scripted", shrinker, null, seeks, batch, true, 0);
        MemGroup root = MemGroup.root("rig");
        List<MemGroup> groups = List.of(root.create("one"), root.create("two"));
        long scale = 1L << random.nextInt(1, 14);
        for (int pass = 0; pass < PASSES; pass++) {
            long group = random.nextInt(3);
            int priority = random.nextInt(ShrinkArithmetic.DEF_PRIORITY + 1);
            shrinker.counted = count(random, scale);
            shrinker.answers = answers(random, batch);
            shrinker.requests.clear();
            if (group == 0) {
                rig.direct(Gfp.KERNEL, priority);
            } else {
                rig.forGroup(groups.get((int) group - 1), Gfp.KERNEL, priority);
            }
            List<Long> expected = model.pass(group, shrinker.counted, priority, seeks, batch,
                    shrinker.answers);
            if (!expected.equals(shrinker.requests)) {
                return "pass " + pass + ": asked " + shrinker.requests + ", should " + expected;
            }
            long sum = model.deferredIn(0) + model.deferredIn(1) + model.deferredIn(2);
            if (sum != handle.deferred()) {
                return "pass " + pass + ": deferred " + handle.deferred() + ", should " + sum;
            }
        }
        return "";
    }

    private static long count(Random random, long scale) {
        return switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> Shrinker.EMPTY;
            case 2 -> 1;
            default -> random.nextLong(1, 2 * scale);
        };
    }

    /// Answers for one pass, used over again if it makes more calls.
    private static List<Answer> answers(Random random, int batch) {
        int kind = random.nextInt(4);
        List<Answer> answers = new ArrayList<>();
        for (int n = 0; n < ANSWERS; n++) {
            answers.add(switch (kind) {
                case 0 -> new Answer(random.nextInt(4) == 0, batch);
                case 1 -> new Answer(n == 2, 1 + random.nextInt(batch));
                case 2 -> new Answer(false,
                        random.nextBoolean() ? 0 : 1 + random.nextInt(batch));
                default -> new Answer(random.nextInt(9) == 0, random.nextInt(2 * batch));
            });
        }
        return answers;
    }
}
