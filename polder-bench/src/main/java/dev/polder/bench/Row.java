package dev.polder.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// One thing to measure: a benchmark, its parameters, its threads.
///
/// @param table the table that it is shown in, such as "pair, 1 thread"
/// @param benchmark class and method, as JMH includes them
/// @param peer the allocator, or the name of the thing
/// @param size bytes in a block; 0 where that means nothing
/// @param threads threads that measure at once
/// @param virtual whether they are virtual
record Row(String table, String benchmark, String peer, int size, int threads, boolean virtual) {
    private static final int KIB = 1 << 10;
    private static final int MIB = 1 << 20;
    private static final int[] SIZES = {64, KIB, 16 * KIB, MIB};
    /// In the order of the tables: Polder is the unit of the ratios.
    private static final List<String> PEERS = List.of("polder", "polder-segment", "netty-adaptive",
            "netty-pooled", "arrow", "malloc", "jemalloc", "mimalloc", "none");

    /// The suites by name.
    static Map<String, List<Row>> suites() {
        Map<String, List<Row>> suites = new TreeMap<>();
        suites.put("small", allocations(64, 1, PEERS));
        suites.put("one", all(SIZES, 1));
        suites.put("two", all(SIZES, 2));
        suites.put("handoff", handoff());
        suites.put("virtual", List.of(virtual("polder"), virtual("malloc"), virtual("none")));
        suites.put("prices", prices());
        suites.put("checks", checks());
        suites.put("sampling", allocations(64, 1, List.of("polder", "polder-sampled")));
        suites.put("smoke", List.of(allocations(64, 1, List.of("polder")).getFirst()));
        return suites;
    }

    private static List<Row> all(int[] sizes, int threads) {
        List<Row> rows = new ArrayList<>();
        for (int size : sizes) {
            rows.addAll(allocations(size, threads, PEERS));
        }
        return rows;
    }

    private static List<Row> allocations(int size, int threads, List<String> peers) {
        List<Row> rows = new ArrayList<>();
        for (String what : List.of("pair", "batch")) {
            for (String peer : peers) {
                String table = what + ", " + bytes(size) + ", threads: " + threads;
                rows.add(new Row(table, "AllocBenchmark." + what, peer, size, threads, false));
            }
        }
        return rows;
    }

    private static List<Row> handoff() {
        List<Row> rows = new ArrayList<>();
        for (int size : new int[] {64, 16 * KIB}) {
            for (String peer : PEERS) {
                rows.add(new Row("taken by one thread, given back by another, " + bytes(size),
                        "HandoffBenchmark.handOver", peer, size, 1, false));
            }
        }
        return rows;
    }

    private static Row virtual(String peer) {
        return new Row("pair, 64 B, a virtual thread", "AllocBenchmark.pair", peer, 64, 1, true);
    }

    private static List<Row> prices() {
        List<Row> rows = new ArrayList<>();
        for (String what : List.of("body", "scopedBody", "lookup", "lockPair", "vmallocSteady",
                "vmallocFresh", "zeroedPage", "plainPage", "copyOfZeros")) {
            rows.add(new Row("prices", "PriceBenchmark." + what, what, 0, 1, false));
        }
        return rows;
    }

    private static List<Row> checks() {
        List<Row> rows = new ArrayList<>();
        for (String what : List.of("none", "mask", "frame", "object", "state", "bracket")) {
            rows.add(new Row("checks", "CheckBenchmark." + what, what, 0, 1, false));
        }
        return rows;
    }

    private static String bytes(int size) {
        return size >= MIB ? size / MIB + " MiB" : size >= KIB ? size / KIB + " KiB" : size + " B";
    }
}
