package dev.polder.reclaim;

import dev.polder.base.Counted;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Which shrinkers hold memory that one request could not get, how much, and why: the part of a
/// failure's message that tells a person where the memory is.
///
/// Figures are of the moment of the failure; the text is made when it is read.
public final class ReclaimReport {

    /// Why a shrinker was of no use to the request.
    public enum Cause {
        /// The request's thread excludes its domain.
        DOMAIN("its domain is excluded"),
        /// It answered STOP to a mask without FS or IO.
        MASK("it stopped at the mask"),
        /// Background reclaim is stuck inside it.
        STUCK("background reclaim is stuck inside it"),
        /// It kept throwing and is set aside.
        QUARANTINED("it kept throwing and is set aside");

        private final String words;

        Cause(String words) {
            this.words = words;
        }
    }

    /// One shrinker that was of no use.
    ///
    /// @param name the shrinker's name
    /// @param cause why
    /// @param heldBytes about how much its consumer held at the last count
    /// @param estimated whether that is by an estimate of what an object holds
    /// @param deferredObjects objects left for a later reclaimer
    /// @param domain its domain, null if none
    /// @param site the scope or guard of the requesting thread that is to blame, null if none is
    public record Skipped(String name, Cause cause, long heldBytes, boolean estimated,
            long deferredObjects, @Nullable ReclaimDomain domain, @Nullable Object site) {

        @Override
        public String toString() {
            return "shrinker '" + name + "' holds " + held(heldBytes, estimated) + ", "
                    + cause.words + (site == null ? "" : " by " + site)
                    + (deferredObjects == 0 ? ""
                            : "; " + Counted.of(deferredObjects, "object") + " deferred");
        }
    }

    /// One shrinker that could be asked, and what it has given since it was registered.
    ///
    /// @param name the shrinker's name
    /// @param heldBytes about how much its consumer held at the last count
    /// @param estimated whether that is by an estimate of what an object holds
    /// @param scans calls of `scan`
    /// @param freedBytes what came back while they ran
    /// @param stops those that it answered with STOP
    /// @param thrown throwables out of its callbacks
    public record Asked(String name, long heldBytes, boolean estimated, long scans,
            long freedBytes, long stops, long thrown) {

        @Override
        public String toString() {
            return "shrinker '" + name + "' holds " + held(heldBytes, estimated) + ", gave "
                    + (freedBytes >> 10) + " KiB in " + Counted.of(scans, "scan")
                    + (stops == 0 ? "" : ", stopped " + Counted.of(stops, "time"))
                    + (thrown == 0 ? "" : ", threw " + Counted.of(thrown, "time"));
        }
    }

    private static String held(long bytes, boolean estimated) {
        return (bytes >> 10) + (estimated ? " KiB by estimate" : " KiB");
    }

    private final int shrinkers;
    private final long heldBytes;
    private final List<Skipped> skipped;
    private final List<Asked> others;

    private ReclaimReport(int shrinkers, long heldBytes, List<Skipped> skipped,
            List<Asked> others) {
        this.shrinkers = shrinkers;
        this.heldBytes = heldBytes;
        this.skipped = List.copyOf(skipped);
        this.others = List.copyOf(others);
    }

    static ReclaimReport collect(ShrinkerRegistry registry, int mask, Task task) {
        List<ShrinkerHandle> all = registry.shrinkers();
        List<Skipped> skipped = new ArrayList<>();
        List<Asked> others = new ArrayList<>();
        long held = 0;
        for (ShrinkerHandle h : all) {
            held = saturatedAdd(held, h.heldBytes());
            Cause cause = cause(h, mask, task);
            if (cause != null) {
                skipped.add(new Skipped(h.name(), cause, h.heldBytes(), h.estimated(),
                        h.deferred(), h.domain(), site(cause, h.domain(), task)));
            } else {
                others.add(new Asked(h.name(), h.heldBytes(), h.estimated(), h.scans(),
                        Frames.bytes(h.freedFrames()), h.stops(), h.thrown()));
            }
        }
        skipped.sort(Comparator.comparingLong(Skipped::heldBytes).reversed());
        others.sort(Comparator.comparingLong(Asked::heldBytes).reversed());
        return new ReclaimReport(all.size(), held, skipped, others);
    }

    /// The scope that is to blame, if it is a scope.
    private static @Nullable Object site(Cause cause, @Nullable ReclaimDomain domain, Task task) {
        if (cause == Cause.MASK) {
            return task.siteOf(Task.NOFS | Task.NOIO);
        }
        if (cause != Cause.DOMAIN || domain == null) {
            return null;
        }
        Object scope = task.siteExcluding(domain);
        return scope != null ? scope : task.innermostSite();
    }

    private static @Nullable Cause cause(ShrinkerHandle h, int mask, Task task) {
        ReclaimDomain domain = h.domain();
        if (domain != null && task.excludes(domain)) {
            return Cause.DOMAIN;
        }
        if (h.quarantined()) {
            return Cause.QUARANTINED;
        }
        if (h.stuck()) {
            return Cause.STUCK;
        }
        return !Gfp.has(mask, Gfp.IO | Gfp.FS) && h.lastScanMaskStop() ? Cause.MASK : null;
    }

    /// Shrinkers registered.
    public int shrinkers() {
        return shrinkers;
    }

    /// About how many bytes all consumers held together.
    public long heldBytes() {
        return heldBytes;
    }

    /// Whether any of that is by an estimate.
    public boolean estimated() {
        return skipped.stream().anyMatch(Skipped::estimated)
                || others.stream().anyMatch(Asked::estimated);
    }

    /// The shrinkers of no use to the request, those that hold most first.
    public List<Skipped> skipped() {
        return skipped;
    }

    /// The shrinkers that could be asked, those that hold most first.
    public List<Asked> others() {
        return others;
    }

    /// About how many bytes the skipped consumers held together.
    public long skippedBytes() {
        long bytes = 0;
        for (Skipped s : skipped) {
            bytes = saturatedAdd(bytes, s.heldBytes);
        }
        return bytes;
    }

    private static long saturatedAdd(long a, long b) {
        long sum = a + b;
        return sum < 0 ? Long.MAX_VALUE : sum;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(shrinkers + " shrinkers hold about "
                + (heldBytes >> 10) + " KiB, of which " + (skippedBytes() >> 10)
                + " KiB were out of reach");
        for (Skipped s : skipped) {
            text.append(System.lineSeparator()).append("  ").append(s);
        }
        for (Asked a : others) {
            text.append(System.lineSeparator()).append("  ").append(a);
        }
        return text.toString();
    }
}
