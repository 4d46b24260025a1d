package dev.polder;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.page.Role;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/// One thread of a random program, and what the rows say a reclaim on it may do now: a model of
/// scopes and domains in a few counters, which knows nothing of how they are made.
///
/// Used by the thread itself only, the reclaim on it included.
final class FuzzThread {
    /// What was opened, for closing it; the first letter says of which kind.
    private record Open(String kind, @Nullable ReclaimDomain domain, AutoCloseable scope) {}

    private final Deque<Open> open = new ArrayDeque<>();
    private final Map<Lock, ReclaimDomain> held = new HashMap<>();
    private final Map<ReclaimDomain, Integer> excluded = new HashMap<>();
    private final boolean deafToNofs;
    private int nofs;
    private int noio;
    private int noreclaim;
    /// The mask of the request under way, or -1.
    private int mask = -1;

    /// @param deafToNofs the planted fault: NOFS scopes are opened in the model alone
    FuzzThread(boolean deafToNofs) {
        this.deafToNofs = deafToNofs;
    }

    void request(int gfp) {
        mask = gfp;
    }

    void requestDone() {
        mask = -1;
    }

    void enterScope(int which) {
        switch (which % 3) {
            case 0 -> {
                nofs++;
                open.push(new Open("NOFS", null, deafToNofs ? () -> { }
                        : MemallocScope.noFs("a program's NOFS")));
            }
            case 1 -> {
                noio++;
                open.push(new Open("NOIO", null, MemallocScope.noIo("a program's NOIO")));
            }
            default -> {
                noreclaim++;
                open.push(new Open("NORECLAIM", null,
                        MemallocScope.noReclaim("a program's NORECLAIM")));
            }
        }
    }

    void exclude(ReclaimDomain domain) {
        excluded.merge(domain, 1, Integer::sum);
        open.push(new Open("EXCLUDED", domain,
                MemallocScope.excluding(domain, "a program's domain")));
    }

    void entered(AutoCloseable group) {
        open.push(new Open("GROUP", null, group));
    }

    /// Closes what was opened last, if anything is open.
    void leave() throws Exception {
        Open last = open.poll();
        if (last == null) {
            return;
        }
        last.scope.close();
        switch (last.kind) {
            case "NOFS" -> nofs--;
            case "NOIO" -> noio--;
            case "NORECLAIM" -> noreclaim--;
            case "EXCLUDED" -> include(last.domain);
            default -> { }
        }
    }

    private void include(@Nullable ReclaimDomain domain) {
        if (domain != null) {
            excluded.computeIfPresent(domain, (_, n) -> n == 1 ? null : n - 1);
        }
    }

    /// Takes a guarded lock if nobody has it.
    void lock(Lock lock, ReclaimDomain domain) {
        if (!held.containsKey(lock) && lock.tryLock()) {
            held.put(lock, domain);
            excluded.merge(domain, 1, Integer::sum);
        }
    }

    void unlock(Lock lock) {
        ReclaimDomain domain = held.remove(lock);
        if (domain != null) {
            include(domain);
            lock.unlock();
        }
    }

    /// Closes and unlocks everything.
    void leaveAll() throws Exception {
        while (!open.isEmpty()) {
            leave();
        }
        for (Lock lock : Map.copyOf(held).keySet()) {
            unlock(lock);
        }
    }

    /// What H3 and H4 leave page tables: they lack what the request lacks. Where it may not block
    /// or may fail early they are not narrowed, but do not reclaim.
    private int likeTheRequest() {
        boolean direct = Gfp.allowsBlocking(mask)
                && (mask & (Gfp.NORETRY | Gfp.RETRY_MAYFAIL)) == 0;
        if (direct && (mask & Gfp.IO) == 0) {
            return ~(Gfp.IO | Gfp.FS);
        }
        return direct && (mask & Gfp.FS) == 0 ? ~Gfp.FS : -1;
    }

    /// A mask as the rows narrow it (B5, B11).
    private int narrowed(int gfp) {
        int left = gfp;
        if (noio > 0) {
            left &= ~(Gfp.IO | Gfp.FS);
        }
        if (nofs > 0) {
            left &= ~Gfp.FS;
        }
        return left;
    }

    /// Why a page request must not be made as it is, or null.
    ///
    /// @param role what it is for
    /// @param entry the mask it was made with
    /// @param used what was made of it
    @Nullable String complaint(Role role, int entry, int used) {
        int should = narrowed(role == Role.PGTABLE ? entry & likeTheRequest() : entry);
        return used == should ? null : "a page request of " + Gfp.toString(entry) + " is used as "
                + Gfp.toString(used) + ", and should be as " + Gfp.toString(should);
    }

    /// Why a consumer must not be called as it is, or null.
    ///
    /// @param scan whether it is to give memory back, and not only to count
    @Nullable String complaint(int gfp, boolean mayWait, boolean scan,
            @Nullable ReclaimDomain domain) {
        int allowed = narrowed(mask);
        if (mask == -1) {
            return "reclaim outside a request";
        }
        if (!Gfp.allowsBlocking(allowed)) {
            return "reclaim for " + Gfp.toString(allowed);
        }
        if (noreclaim > 0) {
            return "reclaim in a NORECLAIM scope";
        }
        if ((gfp & (Gfp.IO | Gfp.FS) & ~allowed) != 0) {
            return Gfp.toString(gfp) + " where only " + Gfp.toString(allowed) + " is allowed";
        }
        if (mayWait && ((allowed & Gfp.IO) == 0 || (allowed & Gfp.FS) == 0
                || !excluded.isEmpty())) {
            return "may wait, inside " + excluded.keySet() + " with " + Gfp.toString(allowed);
        }
        if (scan && domain != null && excluded.containsKey(domain)) {
            return "scan of " + domain + ", which is excluded";
        }
        return null;
    }
}
