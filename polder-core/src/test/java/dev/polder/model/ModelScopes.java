package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.Program.Scope;
import dev.polder.model.Program.Step;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;

/// What the thread is in: rows B1 to B11, and the groups it has entered.
final class ModelScopes {
    private final Set<Mistake> mistakes;
    private final ModelGroups groups;
    private final Deque<Step.Open> open = new ArrayDeque<>();
    private int reclaims;
    private boolean elsewhere;
    private boolean another;

    ModelScopes(ModelGroups groups, Set<Mistake> mistakes) {
        this.groups = groups;
        this.mistakes = mistakes;
    }

    void open(Step.Open scope) {
        open.push(scope);
    }

    void close() {
        open.poll();
    }

    void enterReclaim() {
        reclaims++;
    }

    void leaveReclaim() {
        reclaims--;
    }

    /// Whether a thread of the pool's own runs now, in reclaim and in no scope.
    void elsewhere(boolean yes) {
        elsewhere = yes;
    }

    private boolean isOpen(Scope scope) {
        return !elsewhere && open.stream().anyMatch(s -> s.scope() == scope);
    }

    boolean noreclaim() {
        return elsewhere || reclaims > 0 || isOpen(Scope.NORECLAIM);
    }

    /// Whether another thread runs now, which is in nothing.
    void anotherThread(boolean yes) {
        another = yes;
    }

    /// Whether the thread that runs is in reclaim.
    boolean inReclaim() {
        return !another && (elsewhere || reclaims > 0);
    }

    boolean excludesAny() {
        return isOpen(Scope.EXCLUDING);
    }

    boolean excludes(int domain) {
        return open.stream()
                .anyMatch(s -> s.scope() == Scope.EXCLUDING && s.which() == domain);
    }

    /// B5.
    int narrowed(int gfp) {
        int mask = gfp;
        if (isOpen(Scope.NOIO)) {
            mask &= mistakes.contains(Mistake.NOIO_KEEPS_FS) ? ~Gfp.IO : ~(Gfp.IO | Gfp.FS);
        }
        if (isOpen(Scope.NOFS)) {
            mask &= mistakes.contains(Mistake.SCOPE_TAKES_KSWAPD)
                    ? ~(Gfp.FS | Gfp.KSWAPD_RECLAIM) : ~Gfp.FS;
        }
        return mask;
    }

    /// Who pays for a request: the group entered last, the root with ACCOUNT, or nobody (-1).
    int payer(int mask) {
        int group = elsewhere ? -1 : entered();
        boolean account = Gfp.has(mask, Gfp.ACCOUNT) && !mistakes.contains(Mistake.ACCOUNT_IGNORED);
        return group < 0 && account ? 0 : group;
    }

    /// The group entered last, or -1.
    private int entered() {
        int group = -1;
        for (Step.Open s : open) {
            if (s.scope() == Scope.GROUP) {
                group = groups.open(s.which());
                if (!mistakes.contains(Mistake.OUTER_GROUP_PAYS)) {
                    return group;
                }
            }
        }
        return group;
    }
}
