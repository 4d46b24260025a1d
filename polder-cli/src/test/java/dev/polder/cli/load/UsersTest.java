package dev.polder.cli.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.cli.demo.Inputs;
import dev.polder.cli.input.Corpus;
import dev.polder.cli.load.Pools.User;
import dev.polder.cli.load.RunPlan.Task;
import dev.polder.gfp.Gfp;
import dev.polder.store.Transaction;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The three users on a real pool and real stores.
class UsersTest {

    private static final int TEXTS = 60;

    @TempDir
    private Path dir;
    private Corpus corpus;
    private Pools pools;
    private Users users;
    private Shards shards;

    @BeforeEach
    void fill() throws IOException {
        corpus = Inputs.corpus(dir, TEXTS, 6000);
        IndexBuilder builder = new IndexBuilder(corpus);
        shards = builder.shards(40_000);
        RunPlan plan = new RunPlan(Task.RUN, DemoPolicy.DOMAIN, Pools.MIN_BUDGET, 1000, dir,
                dir.resolve("stores"), dir.resolve("trace"), "");
        pools = new Pools(DemoPolicy.DOMAIN, Pools.MIN_BUDGET);
        users = new Users(plan, pools, corpus, shards);
        users.texts().fill();
        users.index().fill(builder);
    }

    @AfterEach
    void close() {
        pools.verify();
        users.close();
        pools.close();
        corpus.close();
    }

    @Test
    void readsBackWhatWasUpdatedAlsoAfterAReopen() throws IOException {
        for (int i = 0; i < 100; i++) {
            users.texts().update(i * 7 % TEXTS, 1 + i % 5);
        }
        assertThat(users.texts().verify()).isEqualTo(TEXTS);
        users.reopen();
        assertThat(users.texts().verify()).isEqualTo(TEXTS);
    }

    @Test
    void noticesALostUpdate() {
        users.texts().update(3, 1);
        try (Transaction tx = users.store(User.TEXTS).begin()) {
            tx.put(corpus.path(3).getBytes(java.nio.charset.StandardCharsets.UTF_8),
                    corpus.text(3).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
            tx.commit();
        }
        assertThatThrownBy(() -> users.texts().verify()).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(corpus.path(3));
        assertThatThrownBy(() -> users.texts().update(3, 1))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void mergesBringNewNumbersInAndDropTheOldest() throws IOException {
        assertThat(shards.count()).isGreaterThan(1);
        long before = users.index().verify();
        for (int i = 0; i < 5 * shards.count(); i++) {
            users.index().merge();
        }
        assertThat(shards.low).containsOnly(5);
        assertThat(shards.high).containsOnly(TEXTS + 5);
        assertThat(users.index().verify()).isBetween(before / 2, before * 2);
        users.reopen();
        users.index().verify();
    }

    @Test
    void noticesALostPosting() {
        List<byte[]> keys = new ArrayList<>();
        users.store(User.INDEX).scan(new byte[] {0}, null, (key, value) -> keys.add(key));
        users.store(User.INDEX).delete(keys.get(keys.size() / 2));
        assertThatThrownBy(() -> users.index().verify()).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("were acknowledged");
    }

    @Test
    void aSearchFindsTheTextItself() {
        for (int text = 0; text < TEXTS; text++) {
            assertThat(users.index().search(text, text * 31)).isPositive();
        }
    }

    @Test
    void reclaimTakesRenderedTextsAndOverReclaimIsCounted() {
        Renderer renderer = new Renderer();
        byte[] to = new byte[1 << 16];
        for (int text = 0; text < TEXTS; text++) {
            users.rendered().send(text, renderer, to);
        }
        assertThat(users.rendered().misses()).isEqualTo(TEXTS);
        assertThat(users.rendered().heldBytes()).isGreaterThan(TEXTS * 6000L);
        shrinkEverything();
        assertThat(users.rendered().heldBytes()).isZero();
        users.rendered().send(5, renderer, to);
        assertThat(users.rendered().refaults()).isEqualTo(1);
        assertThat(users.rendered().overReclaimedFrames())
                .isEqualTo(users.rendered().heldBytes() / Frames.SIZE);
        users.rendered().send(5, renderer, to);
        assertThat(users.rendered().hits()).isEqualTo(1);
    }

    @Test
    void whatIsSentFromTheCacheIsWhatWasRendered() {
        Renderer renderer = new Renderer();
        byte[] first = new byte[1 << 16];
        byte[] second = new byte[1 << 16];
        users.rendered().send(9, renderer, first);
        users.rendered().send(9, renderer, second);
        assertThat(users.rendered().hits()).isEqualTo(1);
        assertThat(second).isEqualTo(first);
        assertThat(new String(first, java.nio.charset.StandardCharsets.ISO_8859_1))
                .startsWith("<pre><span").contains("</span></pre>");
    }

    /// Takes all free memory, which leaves reclaim nothing but the users.
    private void shrinkEverything() {
        List<Long> runs = new ArrayList<>();
        while (users.rendered().heldBytes() > 0) {
            long run = pools.of(User.RENDERED).pages().alloc(0, Gfp.KERNEL | Gfp.NORETRY);
            assertThat(run).isNotZero();
            runs.add(run);
        }
        runs.forEach(run -> pools.of(User.RENDERED).pages().free(run));
    }
}
