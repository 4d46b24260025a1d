package dev.polder.bench;

import io.netty.util.concurrent.FastThreadLocalThread;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/// One thread allocates, another frees. An operation is one allocation and one free, on whichever
/// thread.
///
/// The two meet once in many blocks, and wait for each other without spinning: on two processors a
/// spinning partner would be measured instead of the allocator.
@State(Scope.Benchmark)
public class HandoffBenchmark {
    /// Batches, of [Peer#SLOTS] blocks each, that are handed over at once.
    private static final int LOAD = 20;
    /// Loads on their way: one being filled, one being emptied, one between.
    private static final int LOADS = 3;

    /// The allocator.
    @Param("polder")
    public String peer = "";
    /// Bytes in a block.
    @Param("64")
    public int size;

    private final BlockingQueue<Peer[]> filled = new ArrayBlockingQueue<>(LOADS + 1);
    private final BlockingQueue<Peer[]> empty = new ArrayBlockingQueue<>(LOADS + 1);
    private static final Peer[] END = {};
    private @Nullable Thread consumer;

    /// Makes the loads and starts the consumer.
    @Setup
    public void open() {
        for (int i = 0; i < LOADS; i++) {
            Peer[] load = new Peer[LOAD];
            for (int k = 0; k < LOAD; k++) {
                load[k] = Peer.of(peer, size);
            }
            empty.add(load);
        }
        Thread t = new FastThreadLocalThread(this::consume, "consumer");
        t.start();
        consumer = t;
    }

    /// Ends the consumer.
    @TearDown
    public void close() throws InterruptedException {
        filled.put(END);
        Thread t = consumer;
        if (t != null) {
            t.join();
        }
    }

    /// Fills one load and hands it over.
    @Benchmark
    @OperationsPerInvocation(LOAD * Peer.SLOTS)
    public void handOver() throws InterruptedException {
        Peer[] load = empty.take();
        for (Peer batch : load) {
            for (int slot = 0; slot < Peer.SLOTS; slot++) {
                batch.alloc(slot);
            }
        }
        filled.put(load);
    }

    private void consume() {
        try {
            for (Peer[] load = filled.take(); load.length > 0; load = filled.take()) {
                for (Peer batch : load) {
                    for (int slot = 0; slot < Peer.SLOTS; slot++) {
                        batch.free(slot);
                    }
                }
                empty.put(load);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
