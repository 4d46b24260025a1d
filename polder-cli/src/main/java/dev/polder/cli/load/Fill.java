package dev.polder.cli.load;

import dev.polder.cli.input.Corpus;
import dev.polder.cli.load.Event.Kind;
import dev.polder.cli.load.Pools.User;
import java.io.IOException;
import java.io.PrintStream;

/// Fills both stores from the input, once: every run begins with a copy of the same files.
final class Fill {

    private Fill() {}

    static void perform(RunPlan plan, PrintStream out) throws IOException {
        try (Corpus corpus = new Corpus(plan.corpus())) {
            Event.text(Kind.PROGRESS, "indexes the texts").send(out);
            IndexBuilder builder = new IndexBuilder(corpus);
            Shards shards = builder.shards(Index.shardBytes(plan.budgetBytes()));
            try (Pools pools = new Pools(plan.policy(), plan.budgetBytes());
                    Users users = new Users(plan, pools, corpus, shards)) {
                Event.text(Kind.PROGRESS, "puts the index into its store").send(out);
                users.index().fill(builder);
                Event.text(Kind.PROGRESS, "puts the texts into their store").send(out);
                users.texts().fill();
                users.store(User.TEXTS).checkpoint();
                users.store(User.INDEX).checkpoint();
            }
            shards.write(plan.stores());
        }
    }
}
