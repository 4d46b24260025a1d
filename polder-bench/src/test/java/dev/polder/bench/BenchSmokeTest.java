package dev.polder.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Every benchmark runs, once; how long it takes is nobody's business here.
final class BenchSmokeTest {
    @ParameterizedTest
    @ValueSource(strings = {"none", "polder", "polder-sampled", "polder-cache", "polder-segment",
        "netty-adaptive", "netty-pooled", "arrow", "arena", "malloc"})
    void everyPeerTakesAndGives(String peer) {
        for (int size : new int[] {64, 16 << 10, 1 << 20}) {
            AllocBenchmark b = new AllocBenchmark();
            b.peer = peer;
            b.size = size;
            b.open();
            b.pair();
            b.batch();
            b.batch();
        }
        Peer.Shared.POOL.verify();
    }

    @Test
    void blocksPassFromThreadToThread() throws InterruptedException {
        HandoffBenchmark b = new HandoffBenchmark();
        b.peer = "polder";
        b.size = 64;
        b.open();
        for (int i = 0; i < 10; i++) {
            b.handOver();
        }
        b.close();
        Peer.Shared.POOL.verify();
    }

    @Test
    void everyPriceIsPaid() {
        PriceBenchmark b = new PriceBenchmark();
        b.body();
        b.scopedBody();
        assertThat(b.lookup().thread()).isSameAs(Thread.currentThread());
        b.lockPair();
        b.vmallocSteady();
        b.vmallocFresh();
        b.zeroedPage();
        b.plainPage();
        b.copyOfZeros();
    }

    @Test
    void everyCheckPasses() {
        CheckBenchmark b = new CheckBenchmark();
        for (int i = 0; i < 300; i++) {
            assertThat(b.none()).isPositive();
            assertThat(b.mask()).isPositive();
            assertThat(b.frame()).isPositive();
            assertThat(b.object()).isPositive();
            assertThat(b.state()).isPositive();
            assertThat(b.bracket()).isPositive();
        }
    }

    @Test
    void theReportHasMediansLeastAndRatios() throws Exception {
        Row polder = new Row("t", "B.pair", "polder", 64, 1, false);
        Samples one = new Samples(polder);
        one.add(4);
        one.add(2);
        one.add(3);
        Samples other = new Samples(new Row("t", "B.pair", "peer", 64, 1, false));
        other.add(9);
        other.add(6);
        other.garbage(40);
        Report report = new Report(Map.of("JDK", "some"), List.of(one, other));
        assertThat(report.markdown()).contains("* JDK: some", "## t",
                "| polder | 3.0 | 2.0 | 1.00 | 0 |", "| peer | 7.5 | 6.0 | 2.50 | 40 |");
        int tokens = 0;
        try (JsonParser json = new JsonFactory().createParser(report.json())) {
            while (json.nextToken() != null) {
                tokens++;
            }
        }
        assertThat(tokens).isGreaterThan(40);
    }

    @Test
    void theCommandLine() {
        assertThat(Settings.parse(List.of("sampling")).rows()).extracting(Row::peer)
                .containsExactly("polder", "polder-sampled", "polder", "polder-sampled");
        Settings s = Settings.parse(List.of("--rounds=2", "--millis=300", "small", "prices"));
        assertThat(s.rounds()).isEqualTo(2);
        assertThat(s.millis()).isEqualTo(300);
        assertThat(s.rows()).hasSizeGreaterThan(20).doesNotHaveDuplicates();
        for (String wrong : List.of("--rounds=0", "--speed=9", "none-such")) {
            assertThatThrownBy(() -> Settings.parse(List.of(wrong, "small")))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("usage");
        }
        assertThatThrownBy(() -> Settings.parse(List.of())).hasMessageContaining("name a suite");
    }
}
