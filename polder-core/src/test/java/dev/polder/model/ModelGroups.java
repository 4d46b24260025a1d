package dev.polder.model;

import dev.polder.model.Program.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Groups, their charges in frames, and who is failed: what `MemGroup` and ADR 0008 say, on
/// integers. A group is its number; 0 is the root.
final class ModelGroups {
    static final long NONE = Long.MAX_VALUE;
    /// A group that was failed is waited for, for so long after its charge last fell: a second.
    private static final long GRACE_TICKS = 250;
    /// Bytes of a frame.
    private static final long FRAME = 4096;
    /// Frames charged above `high` for which one reclaims.
    private static final long HIGH_BATCH = 32;

    private static final class Group {
        final int parent;
        final List<Integer> children = new ArrayList<>();
        /// Frames of runs and of objects.
        long own;
        long objectBytes;
        long objectFrames;
        long min;
        long low;
        long high = NONE;
        long max = NONE;
        long owed;
        boolean failed;
        boolean closed;
        // As a victim.
        boolean victim;
        long victimCharge;
        long since;

        Group(int parent) {
            this.parent = parent;
        }
    }

    private final Set<Mistake> mistakes;
    private final List<Group> groups = new ArrayList<>();
    private boolean anyProtection;

    ModelGroups(List<Integer> parents, Set<Mistake> mistakes) {
        this.mistakes = mistakes;
        for (int i = 0; i < parents.size(); i++) {
            groups.add(new Group(parents.get(i)));
            if (i > 0) {
                groups.get(parents.get(i)).children.add(i);
            }
        }
    }

    int count() {
        return groups.size();
    }

    // ---- coming and going (ADR 0017) ------------------------------------------------------------

    /// Makes a group; false if the parent is closed.
    boolean create(int parent, Forgotten told) {
        if (groups.get(parent).closed) {
            return false;
        }
        forget(parent, told);
        groups.get(parent).children.add(groups.size());
        groups.add(new Group(parent));
        return true;
    }

    /// Closes a group; false if it is the root or has a child that is open.
    boolean end(int group, Forgotten told) {
        boolean open = children(group).stream().anyMatch(c -> !groups.get(c).closed);
        if (group == 0
                || (open && !mistakes.contains(Mistake.CLOSED_DESPITE_AN_OPEN_CHILD))) {
            return false;
        }
        Group g = groups.get(group);
        g.closed = true;
        if (mistakes.contains(Mistake.CLOSE_MOVES_THE_CHARGE)) {
            groups.get(g.parent).own += g.own;
            g.own = 0;
        }
        forget(g.parent, told);
        return true;
    }

    /// Is told of a group that is closed and has no charge any more, and of the one above.
    interface Forgotten {
        void group(int group, int parent);
    }

    private void forget(int parent, Forgotten told) {
        List<Integer> gone = children(parent).stream()
                .filter(c -> groups.get(c).closed && charged(c) == 0).toList();
        children(parent).removeAll(gone);
        gone.forEach(c -> told.group(c, parent));
    }

    boolean closed(int group) {
        return groups.get(group).closed;
    }

    /// The group, or the nearest above that is open.
    int open(int group) {
        int at = group;
        while (groups.get(at).closed && !mistakes.contains(Mistake.CLOSED_GROUP_PAYS)) {
            at = parent(at);
        }
        return at;
    }

    int parent(int group) {
        return groups.get(group).parent;
    }

    List<Integer> children(int group) {
        return groups.get(group).children;
    }

    long charged(int group) {
        Group g = groups.get(group);
        long sum = g.own;
        if (group != 0 || !mistakes.contains(Mistake.ROOT_NOT_CHARGED)) {
            for (int child : g.children) {
                sum += charged(child);
            }
        }
        return sum;
    }

    List<Long> charges() {
        List<Long> all = new ArrayList<>();
        for (int i = 0; i < groups.size(); i++) {
            all.add(charged(i));
        }
        return all;
    }

    /// Whether each has failed, or one above it.
    List<Boolean> failures() {
        List<Boolean> all = new ArrayList<>();
        for (int i = 0; i < groups.size(); i++) {
            all.add(failed(i));
        }
        return all;
    }

    boolean failed(int group) {
        Group g = groups.get(group);
        return g.failed || (g.parent >= 0 && failed(g.parent));
    }

    void limit(int group, Kind kind, long frames) {
        Group g = groups.get(group);
        switch (kind) {
            case MIN -> g.min = Math.max(0, frames);
            case LOW -> g.low = Math.max(0, frames);
            case HIGH -> g.high = frames < 0 ? NONE : frames;
            case MAX -> g.max = frames < 0 ? NONE : frames;
        }
        anyProtection |= kind.compareTo(Kind.LOW) <= 0 && frames > 0;
    }

    long min(int group) {
        return mistakes.contains(Mistake.MIN_NOT_KEPT) ? 0 : groups.get(group).min;
    }

    long low(int group) {
        return groups.get(group).low;
    }

    long high(int group) {
        return groups.get(group).high;
    }

    /// Whether some group has, or had, a `min` or a `low`.
    boolean anyProtection() {
        return anyProtection;
    }

    void reset(int group) {
        groups.get(group).failed = false;
    }

    // ---- charging -------------------------------------------------------------------------------

    /// Charges; the lowest group that refuses, or -1.
    int tryCharge(int group, long frames) {
        for (int at = group; at >= 0; at = parent(at)) {
            Group g = groups.get(at);
            long after = charged(at) + frames;
            boolean above = mistakes.contains(Mistake.MAX_INCLUSIVE) ? after >= g.max
                    : after > g.max;
            if (above || (g.failed && !mistakes.contains(Mistake.FAILED_GROUP_PAYS))) {
                return at;
            }
        }
        charge(group, frames);
        return -1;
    }

    /// Charges, or takes back, whatever the limits say.
    void charge(int group, long frames) {
        groups.get(group).own += frames;
        for (int at = group; at > 0 && frames > 0; at = parent(at)) {
            // A charge that met the close is found all the same.
            if (!children(parent(at)).contains(at)) {
                children(parent(at)).add(at);
            }
        }
    }

    /// Pays for an object from what the frames charged for others have left.
    boolean takeSpare(int group, long bytes) {
        Group g = groups.get(group);
        if (g.objectFrames * FRAME - g.objectBytes < bytes) {
            return false;
        }
        g.objectBytes += bytes;
        return true;
    }

    /// Enters an object for which `frames` were charged.
    void addObject(int group, long bytes, long frames) {
        Group g = groups.get(group);
        g.objectBytes += bytes;
        g.objectFrames += frames;
        giveSpareBack(g);
    }

    void dropObject(int group, long bytes) {
        Group g = groups.get(group);
        g.objectBytes -= bytes;
        giveSpareBack(g);
    }

    /// ADR 0008: at most one frame stays spare, none when the last object goes.
    private void giveSpareBack(Group g) {
        long needed = (g.objectBytes + FRAME - 1) / FRAME;
        long spare = mistakes.contains(Mistake.SPARE_FRAMES_STAY) ? Long.MAX_VALUE
                : g.objectBytes == 0 || mistakes.contains(Mistake.NO_SPARE_FRAME) ? 0 : 1;
        long back = Math.max(0, g.objectFrames - needed - spare);
        g.objectFrames -= back;
        g.own -= back;
    }

    /// Adds to the frames charged above `high`.
    void owe(int group, long frames) {
        groups.get(group).owed += frames;
    }

    /// Frames charged above `high` since somebody last reclaimed for them, if they are a batch.
    long due(int group) {
        Group g = groups.get(group);
        if (g.owed < HIGH_BATCH && !mistakes.contains(Mistake.HIGH_RECLAIMS_EACH_TIME)) {
            return 0;
        }
        long owed = g.owed;
        g.owed = 0;
        return owed;
    }

    // ---- failing --------------------------------------------------------------------------------

    private boolean inside(int group, int top) {
        int at = group;
        while (at >= 0 && at != top) {
            at = parent(at);
        }
        return at == top;
    }

    /// Whether a group inside `top` gives way to `requester`: one that was failed and has time
    /// left, or the next, which is failed now.
    boolean makeWay(int top, int requester, long ticks) {
        boolean any = false;
        for (int i = 0; i < groups.size(); i++) {
            Group g = groups.get(i);
            if (g.victim) {
                long charge = charged(i);
                boolean fell = charge < g.victimCharge;
                if (fell) {
                    g.victimCharge = charge;
                    g.since = ticks;
                }
                if (inside(i, top) && failed(i) && (charge > 0 || fell)) {
                    any |= fell || ticks - g.since < GRACE_TICKS;
                }
                g.victim = failed(i) && g.victimCharge > 0;
            }
        }
        if (any && !mistakes.contains(Mistake.NEXT_FAILED_AT_ONCE)) {
            return true;
        }
        int next = choose(top, requester);
        if (next < 0 || mistakes.contains(Mistake.NOBODY_FAILED)) {
            return any;
        }
        Group g = groups.get(next);
        g.failed = true;
        g.victim = true;
        g.victimCharge = charged(next);
        g.since = ticks;
        return true;
    }

    /// The group with the largest charge that has not failed and does not hold the requester; of
    /// those that hold it, one below.
    private int choose(int at, int requester) {
        int best = -1;
        for (int child : children(at)) {
            boolean holds = inside(requester, child)
                    && !mistakes.contains(Mistake.OWN_GROUP_FAILED);
            int candidate = holds ? choose(child, requester) : child;
            if (candidate >= 0 && !failed(candidate) && charged(candidate) > 0
                    && (best < 0 || better(candidate, best))) {
                best = candidate;
            }
        }
        return best;
    }

    private boolean better(int candidate, int best) {
        return mistakes.contains(Mistake.SMALLEST_FAILED) ? charged(candidate) < charged(best)
                : charged(candidate) > charged(best);
    }
}
