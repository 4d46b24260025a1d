package dev.polder.store.btree;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.store.file.PageImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The tree against a `TreeMap`, on plain memory: no cache, no journal, no pool.
class TreeTest {
    private final PlainPages pages = new PlainPages();
    private final Tree tree = new Tree(pages, pages.create(true, 0), 1, 0);
    private final TreeMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);

    @ParameterizedTest
    @ValueSource(ints = {8, 40, 1024})
    void randomOperationsAgreeWithAMap(int keyLength) throws IOException {
        long seed = System.nanoTime();
        System.out.println("TreeTest seed " + seed + " key length " + keyLength);
        Random random = new Random(seed);
        int range = 3000;
        for (int i = 0; i < 20_000; i++) {
            byte[] key = key(random.nextInt(range), keyLength);
            // First the tree grows, then it shrinks to almost nothing.
            boolean put = random.nextInt(100) < (i < 12_000 ? 75 : 20);
            if (put) {
                put(key, value(random, 1024 - key.length));
            } else {
                remove(key);
            }
            if (i % 1000 == 0) {
                verify();
            }
        }
        verify();
        for (byte[] key : List.copyOf(model.keySet())) {
            remove(key);
        }
        verify();
        assertThat(tree.height()).isEqualTo(1);
        assertThat(pages.live()).isEqualTo(1);
    }

    @Test
    void ascendingKeysFillTheirLeaves() throws IOException {
        for (int i = 0; i < 20_000; i++) {
            put(key(i, 8), new byte[8]);
        }
        verify();
        // 24 bytes a cell with its slot: 169 in a leaf.
        assertThat(pages.live()).isLessThan(20_000 / 160 + 8);
    }

    @Test
    void aKeyMayBeEmptyAndAPrefixOfAnother() throws IOException {
        put(new byte[0], new byte[] {1});
        put(new byte[] {0}, new byte[] {2});
        put(new byte[] {0, 0}, new byte[] {3});
        put(new byte[] {(byte) 0xff}, new byte[] {4});
        verify();
        remove(new byte[0]);
        verify();
    }

    private static byte[] key(int n, int length) {
        byte[] key = new byte[length];
        for (int i = 0; i < 4; i++) {
            key[length - 8 + i] = (byte) (n >> (24 - 8 * i));
        }
        return key;
    }

    private static byte[] value(Random random, int most) {
        byte[] v = new byte[random.nextInt(Math.max(1, most / (random.nextInt(20) + 1) + 1))];
        random.nextBytes(v);
        return v;
    }

    private void put(byte[] key, byte[] value) throws IOException {
        byte[] old = tree.put(ValueRef.cell(key, MemorySegment.ofArray(value), value.length));
        byte[] expected = model.put(key, value);
        same(old, expected);
    }

    private void remove(byte[] key) throws IOException {
        same(tree.remove(key), model.remove(key));
    }

    private static void same(byte @Nullable [] cell, byte @Nullable [] value) {
        assertThat(cell == null ? null : ValueRef.inline(cell)).isEqualTo(value);
    }

    private void verify() throws IOException {
        assertThat(tree.keys()).isEqualTo(model.size());
        List<byte[]> keys = new ArrayList<>();
        BitSet reached = new BitSet();
        walk(tree.root(), tree.height() - 1, keys, reached);
        assertThat(keys).hasSize(model.size());
        int i = 0;
        for (Map.Entry<byte[], byte[]> e : model.entrySet()) {
            assertThat(keys.get(i++)).isEqualTo(e.getKey());
            same(tree.find(e.getKey()), e.getValue());
        }
        assertThat(reached.cardinality()).isEqualTo(pages.live());
    }

    private void walk(long number, int level, List<byte[]> keys, BitSet reached)
            throws IOException {
        assertThat(reached.get((int) number)).isFalse();
        reached.set((int) number);
        MemorySegment m = pages.memory();
        long at = pages.readable(number);
        assertThat(NodePage.level(m, at)).isEqualTo(level);
        assertThat(NodePage.used(m, at)).isLessThanOrEqualTo(NodePage.USABLE);
        for (int i = 0; i <= NodePage.count(m, at); i++) {
            if (level > 0) {
                walk(NodePage.child(m, at, i), level - 1, keys, reached);
            } else if (i < NodePage.count(m, at)) {
                keys.add(NodePage.key(m, at, i));
            }
        }
    }

    /// Pages in an array; a freed one is spoilt.
    private static final class PlainPages implements TreePages {
        private static final int MOST = 20_000;
        private final MemorySegment memory =
                MemorySegment.ofArray(new byte[MOST * PageImage.SIZE]);
        private final BitSet used = new BitSet();

        @Override
        public MemorySegment memory() {
            return memory;
        }

        @Override
        public long readable(long number) {
            assertThat(used.get((int) number)).isTrue();
            return number * PageImage.SIZE;
        }

        @Override
        public long writable(long number) {
            return readable(number);
        }

        @Override
        public long create(boolean leaf, int level) {
            int n = used.nextClearBit(0);
            used.set(n);
            PageImage.format(memory.asSlice((long) n * PageImage.SIZE),
                    leaf ? PageImage.LEAF : PageImage.INNER, level, n);
            return n;
        }

        @Override
        public void release(long number) {
            readable(number);
            used.clear((int) number);
            memory.asSlice(number * PageImage.SIZE, PageImage.SIZE).fill((byte) 0xee);
        }

        int live() {
            return used.cardinality();
        }
    }
}
