package dev.polder.cli.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PostingsTest {

    @Test
    void readsBackWhatWasWritten() {
        int[] numbers = {0, 1, 127, 128, 255, 16_384, 2_097_152, 268_435_456, Integer.MAX_VALUE};
        MemorySegment out = MemorySegment.ofArray(new byte[numbers.length * Postings.MAX_BYTES]);
        long at = 0;
        int before = 0;
        for (int number : numbers) {
            at = Postings.put(out, at, before, number);
            before = number;
        }
        Postings.Reader reader = new Postings.Reader(out, at);
        List<Integer> read = new ArrayList<>();
        while (reader.next()) {
            read.add(reader.number());
        }
        assertThat(read).containsExactly(0, 1, 127, 128, 255, 16_384, 2_097_152, 268_435_456,
                Integer.MAX_VALUE);
        assertThat(reader.at()).isEqualTo(at);
    }

    @Test
    void gathersEachTrigramOnce() {
        Trigrams trigrams = new Trigrams();
        MemorySegment text = MemorySegment.ofArray("abcabcABC".getBytes(StandardCharsets.US_ASCII));
        assertThat(trigrams.gather(text)).isEqualTo(3);
        Set<Integer> found = new HashSet<>();
        for (int i = 0; i < 3; i++) {
            found.add(trigrams.get(i));
        }
        assertThat(found).containsExactlyInAnyOrder(Trigrams.at(text, 0), Trigrams.at(text, 1),
                Trigrams.at(text, 2));
        assertThat(trigrams.gather(MemorySegment.ofArray(new byte[2]))).isZero();
    }

    @Test
    void keysAreInTheOrderOfTrigramsAndNumbers() {
        for (int trigram : new int[] {0, 1, 63, 64, 4095, 4096, Trigrams.COUNT - 1}) {
            byte[] key = Segment.key(trigram, 1 << 20);
            assertThat(Segment.trigram(key)).isEqualTo(trigram);
            assertThat(Segment.first(key)).isEqualTo(1 << 20);
            assertThat(java.util.Arrays.compareUnsigned(key, Trigrams.key(trigram + 1)))
                    .isNegative();
            assertThat(java.util.Arrays.compareUnsigned(key, Segment.key(trigram, 1 << 21)))
                    .isNegative();
        }
    }

    @Test
    void cutsShardsOfAboutTheSameSize() {
        int[] postings = new int[Trigrams.COUNT];
        for (int t = 0; t < 1000; t++) {
            postings[t * 100] = 100;
        }
        Shards shards = Shards.cut(postings, 25_000);
        assertThat(shards.count()).isEqualTo(4);
        assertThat(shards.begin).containsExactly(0, 24_901, 49_901, 74_901, Trigrams.COUNT);
        assertThat(Shards.cut(new int[Trigrams.COUNT], 25_000).begin)
                .containsExactly(0, Trigrams.COUNT);
    }
}
