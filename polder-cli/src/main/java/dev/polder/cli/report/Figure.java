package dev.polder.cli.report;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Every figure of a run: its key in the files, its words in the table, and which way is better.
///
/// The first group are counters of events that the policies cause: they hardly depend on how fast
/// the machine is or what else runs on it. Times and rates do, and come after.
public enum Figure {
    OVER_RECLAIMED("overReclaimedFrames", "frames taken from 'rendered', wanted again within 2 s",
            Unit.COUNT, Better.LESS, Group.RECLAIM),
    IDLE_ELSEWHERE("idleBytesElsewhere", "bytes idle elsewhere when a writer stalled, mean",
            Unit.BYTES, Better.LESS, Group.RECLAIM),
    DIRECT_STALLS("directStalls", "stalls: threads that had to reclaim themselves",
            Unit.COUNT, Better.LESS, Group.RECLAIM),
    STALL_MILLIS("stallMillis", "time in stalls",
            Unit.MILLIS, Better.LESS, Group.RECLAIM),
    STALLS_NORMAL("stallsUnrestricted", "  stalls outside any scope",
            Unit.COUNT, Better.NEITHER, Group.RECLAIM),
    STALLS_NORMAL_MILLIS("stallsUnrestrictedMillis", "    time in them",
            Unit.MILLIS, Better.NEITHER, Group.RECLAIM),
    STALLS_NOFS("stallsNoFs", "  stalls without FS (journal handle, or mask)",
            Unit.COUNT, Better.NEITHER, Group.RECLAIM),
    STALLS_NOFS_MILLIS("stallsNoFsMillis", "    time in them",
            Unit.MILLIS, Better.NEITHER, Group.RECLAIM),
    STALLS_DOMAIN("stallsDomain", "  stalls inside a domain exclusion (journal handle)",
            Unit.COUNT, Better.NEITHER, Group.RECLAIM),
    STALLS_DOMAIN_MILLIS("stallsDomainMillis", "    time in them",
            Unit.MILLIS, Better.NEITHER, Group.RECLAIM),
    STALLS_NOIO("stallsNoIo", "  stalls without IO (writeback)",
            Unit.COUNT, Better.NEITHER, Group.RECLAIM),
    STALLS_NOIO_MILLIS("stallsNoIoMillis", "    time in them",
            Unit.MILLIS, Better.NEITHER, Group.RECLAIM),
    SKIPPED("skippedShrinkerCalls", "shrinker calls skipped for a mask or a domain",
            Unit.COUNT, Better.NEITHER, Group.RECLAIM),
    DEFERRED("deferredObjects", "shrinker work deferred, most at one time (objects)",
            Unit.COUNT, Better.LESS, Group.RECLAIM),
    DEFERRED_AGE("deferredAgeMillis", "greatest age of deferred work",
            Unit.MILLIS, Better.LESS, Group.RECLAIM),
    KSWAPD_SHARE("kswapdShare", "kswapd's share of the reclaimed frames",
            Unit.SHARE, Better.NEITHER, Group.RECLAIM),
    RECLAIMED("reclaimedFrames", "frames reclaimed",
            Unit.COUNT, Better.NEITHER, Group.RECLAIM),
    REFAULTS("refaults", "refaults: rendered texts made again after reclaim",
            Unit.COUNT, Better.LESS, Group.RECLAIM),

    OPS("opsPerSecond", "operations/s", Unit.PER_SECOND, Better.MORE, Group.SPEED),
    UPDATES("updatesPerSecond", "  updates of texts/s", Unit.PER_SECOND, Better.MORE, Group.SPEED),
    MERGES("mergesPerSecond", "  merges into the index/s", Unit.PER_SECOND, Better.MORE,
            Group.SPEED),
    P50("p50Micros", "latency of requests, p50", Unit.MICROS, Better.LESS, Group.SPEED),
    P99("p99Micros", "latency of requests, p99", Unit.MICROS, Better.LESS, Group.SPEED),
    P999("p999Micros", "latency of requests, p99.9", Unit.MICROS, Better.LESS, Group.SPEED),
    SLOWEST_UPDATE("slowestUpdateMicros", "slowest update", Unit.MICROS, Better.LESS, Group.SPEED),
    SLOWEST_MERGE("slowestMergeMicros", "slowest merge", Unit.MICROS, Better.LESS, Group.SPEED),
    HITS("hitRatio", "hit ratio of all caches", Unit.SHARE, Better.MORE, Group.SPEED),
    HITS_TEXTS("hitRatioTexts", "  hit ratio of texts", Unit.SHARE, Better.MORE, Group.SPEED),
    HITS_INDEX("hitRatioIndex", "  hit ratio of index", Unit.SHARE, Better.MORE, Group.SPEED),
    HITS_RENDERED("hitRatioRendered", "  hit ratio of rendered", Unit.SHARE, Better.MORE,
            Group.SPEED),

    VMALLOC("vmallocCalls", "vmalloc calls", Unit.COUNT, Better.NEITHER, Group.MACHINERY),
    NARROWED("pageTableRequestsNarrowed", "page-table requests narrowed by a scope",
            Unit.COUNT, Better.NEITHER, Group.MACHINERY),
    NOFAIL("nofailRequests", "page requests that must not fail", Unit.COUNT, Better.NEITHER,
            Group.MACHINERY),
    NOIO("noioScopeAllocations", "page requests inside a NOIO scope", Unit.COUNT, Better.NEITHER,
            Group.MACHINERY),
    FAILURES("allocationFailures", "requests that failed", Unit.COUNT, Better.LESS,
            Group.MACHINERY),
    KEYS("keysVerified", "keys read back and right", Unit.COUNT, Better.NEITHER, Group.MACHINERY);

    /// Which way is better.
    public enum Better { LESS, MORE, NEITHER }

    /// The parts of the table.
    public enum Group {
        /// What reclaim did.
        RECLAIM("Reclaim (counters that hardly depend on the machine's mood)"),
        /// How fast it was.
        SPEED("Speed"),
        /// What must have happened for the run to be worth anything.
        MACHINERY("Machinery");

        private final String title;

        Group(String title) {
            this.title = title;
        }

        /// The heading.
        public String title() {
            return title;
        }
    }

    private static final Map<String, Figure> BY_KEY =
            Arrays.stream(values()).collect(Collectors.toMap(Figure::key, Function.identity()));

    /// Those that show that the run went through the paths that it is about; each must be above 0
    /// in every guarded policy.
    public static final List<Figure> MUST_HAPPEN = List.of(VMALLOC, NARROWED, NOFAIL, NOIO);

    private final String key;
    private final String label;
    private final Unit unit;
    private final Better better;
    private final Group group;

    Figure(String key, String label, Unit unit, Better better, Group group) {
        this.key = key;
        this.label = label;
        this.unit = unit;
        this.better = better;
        this.group = group;
    }

    /// The figure of a key; null if there is none.
    public static @Nullable Figure of(String key) {
        return BY_KEY.get(key);
    }

    /// Its name in the files.
    public String key() {
        return key;
    }

    /// Its words in the table.
    public String label() {
        return label;
    }

    /// What it counts.
    public Unit unit() {
        return unit;
    }

    /// Which way is better.
    public Better better() {
        return better;
    }

    /// Its part of the table.
    public Group group() {
        return group;
    }
}
