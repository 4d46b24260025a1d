package dev.polder.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/// Taking and giving back: one block at a time, and a hundred, given back in another order.
///
/// An operation is one allocation and one free.
@State(Scope.Thread)
public class AllocBenchmark {
    /// Orders of giving back, so that no branch predictor learns one by heart.
    private static final int ORDERS = 16;

    /// The allocator.
    @Param("polder")
    public String peer = "";
    /// Bytes in a block.
    @Param("64")
    public int size;

    private Peer mine = Peer.of("none", 0);
    private final int[][] orders = new int[ORDERS][];
    private int turn;

    /// Makes the peer and the orders.
    @Setup
    public void open() {
        mine = Peer.of(peer, size);
        Random random = new Random(1);
        List<Integer> order = new ArrayList<>();
        for (int slot = 0; slot < Peer.SLOTS; slot++) {
            order.add(slot);
        }
        for (int i = 0; i < ORDERS; i++) {
            Collections.shuffle(order, random);
            orders[i] = order.stream().mapToInt(Integer::intValue).toArray();
        }
    }

    /// One allocation, then its free.
    @Benchmark
    public void pair() {
        mine.alloc(0);
        mine.free(0);
    }

    /// A hundred allocations, then their frees in random order.
    @Benchmark
    @OperationsPerInvocation(Peer.SLOTS)
    public void batch() {
        int[] order = orders[turn++ & (ORDERS - 1)];
        for (int slot = 0; slot < Peer.SLOTS; slot++) {
            mine.alloc(slot);
        }
        for (int slot : order) {
            mine.free(slot);
        }
    }
}
