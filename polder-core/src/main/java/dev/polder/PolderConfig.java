package dev.polder;

import dev.polder.base.Frames;
import dev.polder.debug.DebugMode;
import dev.polder.debug.Sampling;
import dev.polder.os.Clock;
import dev.polder.os.PoolMemory;
import dev.polder.page.OutOfMemoryPolicy;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// How a pool is opened. Immutable; made by [#builder].
public final class PolderConfig {
    /// Smallest budget: four blocks of the largest order, so that the watermarks leave room.
    public static final long MIN_BUDGET = 16L << 20;
    /// Largest budget: frames are numbered by an int.
    public static final long MAX_BUDGET = PoolMemory.MAX_FRAMES << Frames.SHIFT;
    /// No limit to how long an ordinary request may wait, as in Linux.
    public static final Duration NONE = Duration.ZERO;
    /// The longest deadline, a hundred years: nanoseconds of it fit a long.
    public static final Duration MAX_DEADLINE = Duration.ofDays(36_500);

    private final String name;
    private final long budget;
    private final boolean portable;
    private final Duration allocationDeadline;
    private final long minFree;
    private final long keepFree;
    private final Clock clock;
    private final OutOfMemoryPolicy outOfMemoryPolicy;
    private final DebugMode debug;
    private final Sampling sampling;

    private PolderConfig(Builder b) {
        this.name = b.name;
        this.budget = b.budget;
        this.portable = b.portable;
        this.allocationDeadline = b.allocationDeadline;
        this.minFree = b.minFree;
        this.keepFree = b.keepFree;
        this.clock = b.clock;
        this.outOfMemoryPolicy = b.outOfMemoryPolicy;
        this.debug = b.debug;
        this.sampling = b.sampling;
    }

    /// A builder with every setting at its default.
    ///
    /// @throws IllegalArgumentException if a system property that is a default cannot be understood
    public static Builder builder() {
        return new Builder();
    }

    /// The pool's name, for messages and thread names.
    public String name() {
        return name;
    }

    /// The budget in bytes, a multiple of 4096.
    public long budget() {
        return budget;
    }

    /// Whether the portable mode is forced.
    public boolean portable() {
        return portable;
    }

    /// How long an ordinary facade request may wait; [#NONE] for ever.
    public Duration allocationDeadline() {
        return allocationDeadline;
    }

    /// The min watermark in bytes, or -1 for the kernel's formula.
    public long minFree() {
        return minFree;
    }

    /// Free bytes that the pool keeps of the system's memory, or -1 for the default.
    public long keepFree() {
        return keepFree;
    }

    /// The clock that every wait of the pool uses.
    public Clock clock() {
        return clock;
    }

    /// Who is to fail when nothing can be reclaimed.
    public OutOfMemoryPolicy outOfMemoryPolicy() {
        return outOfMemoryPolicy;
    }

    /// How the pool watches its users.
    public DebugMode debug() {
        return debug;
    }

    /// How often an object is placed between guards.
    public Sampling sampling() {
        return sampling;
    }

    /// Collects the settings of a pool. Not thread-safe.
    public static final class Builder {
        private String name = "polder";
        private long budget = 256L << 20;
        private boolean portable;
        private Duration allocationDeadline = Duration.ofSeconds(30);
        private long minFree = -1;
        private long keepFree = -1;
        private Clock clock = Clock.system();
        private OutOfMemoryPolicy outOfMemoryPolicy = OutOfMemoryPolicy.largestGroup();
        private DebugMode debug = DebugMode.ofProperty();
        private Sampling sampling = Sampling.ofProperty();

        private Builder() {
        }

        /// The pool's name; default `polder`.
        ///
        /// @throws IllegalArgumentException if it is blank, or has a line break or another control
        ///     character
        public Builder name(String name) {
            if (Objects.requireNonNull(name, "name").isBlank()) {
                throw new IllegalArgumentException("a pool needs a name: messages show it");
            }
            if (name.chars().anyMatch(Character::isISOControl)) {
                throw new IllegalArgumentException("the name of a pool stands in the lines of logs"
                        + " and must have no control characters: '"
                        + name.replaceAll("\\p{Cntrl}", "?") + "'");
            }
            this.name = name;
            return this;
        }

        /// The budget in bytes; default 256 MiB. It is hard: what the pool holds of the system's
        /// memory never exceeds it. Rounded down to whole frames.
        ///
        /// @throws IllegalArgumentException below [#MIN_BUDGET] or above [#MAX_BUDGET]
        public Builder budget(long bytes) {
            if (bytes < MIN_BUDGET || bytes > MAX_BUDGET) {
                throw new IllegalArgumentException("budget must be " + MIN_BUDGET + ".."
                        + MAX_BUDGET
                        + " bytes, not " + bytes);
            }
            this.budget = bytes & -Frames.SIZE;
            return this;
        }

        /// Forces the portable mode: no remapping, no guards. Default false: as the system allows.
        /// The system property `dev.polder.portable` set to `true` forces it for all pools.
        public Builder portable(boolean portable) {
            this.portable = portable;
            return this;
        }

        /// How long an ordinary request of the facade may wait before it throws; default 30 s,
        /// [#NONE] for ever. Requests with NOFAIL and the raw allocators ignore it.
        ///
        /// @throws IllegalArgumentException if it is negative, or longer than [#MAX_DEADLINE]
        public Builder allocationDeadline(Duration deadline) {
            if (Objects.requireNonNull(deadline, "deadline").compareTo(MAX_DEADLINE) > 0) {
                throw new IllegalArgumentException("allocationDeadline must be at most "
                        + MAX_DEADLINE.toDays() + " days, not " + deadline
                        + "; use PolderConfig.NONE for no limit");
            }
            if (deadline.isNegative()) {
                throw new IllegalArgumentException("allocationDeadline must not be negative: "
                        + deadline
                        + "; use PolderConfig.NONE for no limit");
            }
            this.allocationDeadline = deadline;
            return this;
        }

        /// The min watermark in bytes, as `vm.min_free_kbytes` sets it; default -1: the kernel's
        /// formula (row C1).
        ///
        /// @throws IllegalArgumentException below -1
        public Builder minFree(long bytes) {
            if (bytes < -1) {
                throw new IllegalArgumentException("minFree must be bytes, or -1 for the default, "
                        + "not "
                        + bytes);
            }
            this.minFree = bytes;
            return this;
        }

        /// Free bytes of the system's memory that the pool keeps for its next load. What is free
        /// beyond them, in blocks of 4 MiB that no load needed for five to ten seconds, goes back
        /// to the system, 64 MiB a second at most. Default -1: an eighth of the budget, at least
        /// 64 MiB; the budget, or more, keeps all.
        ///
        /// @throws IllegalArgumentException below -1
        public Builder keepFree(long bytes) {
            if (bytes < -1) {
                throw new IllegalArgumentException("keepFree must be bytes, or -1 for the default, "
                        + "not " + bytes);
            }
            this.keepFree = bytes;
            return this;
        }

        /// The clock of every wait; default the system's. Tests pass a virtual one.
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /// Who is to fail at the end of the road; default the group with the largest charge.
        public Builder outOfMemoryPolicy(OutOfMemoryPolicy policy) {
            this.outOfMemoryPolicy = Objects.requireNonNull(policy, "policy");
            return this;
        }

        /// Debug mode: poison, red zones, quarantine, and stacks in reports. Many times slower;
        /// default off, or what the system property `dev.polder.debug` says.
        public Builder debug(DebugMode debug) {
            this.debug = Objects.requireNonNull(debug, "debug");
            return this;
        }

        /// How often an object is placed on a page of its own between guards, where a use after
        /// free and a step over its end fault at once. Cheap enough to leave on; default off, or
        /// what the system property `dev.polder.sampling` says, in milliseconds between samples.
        public Builder sampling(Sampling sampling) {
            this.sampling = Objects.requireNonNull(sampling, "sampling");
            return this;
        }

        /// The finished configuration.
        ///
        /// @throws IllegalArgumentException if the min watermark leaves no room in the budget
        public PolderConfig build() {
            if (minFree > budget / 4) {
                throw new IllegalArgumentException("minFree of " + minFree + " bytes is more than a"
                        + " quarter of the budget of " + budget + "; lower it or raise the budget");
            }
            return new PolderConfig(this);
        }
    }

    /// The settings, for people.
    @Override
    public String toString() {
        return "PolderConfig[name=" + name + ", budget=" + budget + "]";
    }

    static @Nullable String complaintOnHeap(long budget, long heap) {
        long tables = Figures.heapTables(budget >> Frames.SHIFT);
        return tables <= heap ? null : heapText(budget, heap);
    }

    static String heapText(long budget, long heap) {
        return "a budget of " + budget + " bytes needs about "
                + ShortageText.mib(Figures.heapTables(budget >> Frames.SHIFT)) + " of the Java heap"
                + " for its tables (0.6 % of the budget), and the heap has at most "
                + ShortageText.mib(heap) + "; raise -Xmx or lower the budget";
    }

    static @Nullable String complaintOnLimit(long budget, long limit) {
        return budget <= limit ? null : "a budget of " + budget + " bytes is above the " + limit
                + " bytes that this container may use; lower the budget or raise the limit";
    }
}
