package dev.polder.lockdep.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// One lock checker: what threads hold, in which order they took it, and what that proves (the
/// kernel's lockdep).
///
/// Every method is for the thread it is about, may be called at any time, and does nothing while
/// the engine itself or a method that a rule ignores is running on that thread. Instrumented code
/// comes in through `Hooks`; programs that annotate by hand, the Polder port and tests call this
/// class.
public final class Lockdep {
    /*
     * The fast path of an acquisition: find the thread's HeldLocks (HeldTable), the lock's class
     * (SiteCache), see that this thread made the same step before, push (HeldLocks.takeKnown).
     * Nothing held: no step to look at. Step unknown: see that the chain of what is held and this
     * class is known (ChainCache). Chain unknown: Validator, once per chain.
     *
     * A release takes the entry out. It does not matter whether a hook runs just before or just
     * after the real operation; it matters that a lock is never left in the stack that is not held.
     */

    /// Hears of each new finding once, on the thread that made it, with locks of the program held:
    /// it must not block, throw or call the program.
    public interface Listener {
        /// A new finding.
        void found(Report report);
    }

    /// Tells which scopes the current thread is in, for reports.
    public interface Scopes {
        /// The scopes in words; empty when it cannot tell.
        String describe();
    }

    /// Says which domains' callbacks the current thread's request can never wait for.
    public interface Exclusions {
        /// Whether the domain is passed over now, or its callbacks only try.
        ///
        /// @param domain a domain, or what stands for the callbacks without one
        boolean excludes(Object domain);
    }

    private static final int ALLOC_ID = -1;
    private static final int REENTRY_ID = -2;
    private static final int FRAME_ID = -3;

    private final Graph graph = new Graph();
    private final Sites sites = new Sites();
    private final HeldTable table = new HeldTable();
    private final ChainCache chains = new ChainCache();
    private final Validator validator = new Validator(graph, sites);
    private final ReclaimPool unnamed = new ReclaimPool(graph, "");
    private final Map<String, ReclaimPool> pools = new ConcurrentHashMap<>(Map.of("", unnamed));
    private final LockTable locks;

    /// A checker with nothing in it, whose monitors are classed by the monitor's class.
    public Lockdep() {
        this(true);
    }

    /// A checker with nothing in it.
    ///
    /// @param monitorsByClass true: all monitors of an application class are one lock class; false:
    ///     they are told apart by the field they are read from, as those of JDK classes are
    public Lockdep(boolean monitorsByClass) {
        locks = new LockTable(graph, sites, monitorsByClass);
    }

    /// Sets who hears of findings.
    public void listener(Listener listener) {
        validator.listener(listener);
    }

    /// Sets who can describe scopes.
    public void scopes(Scopes scopes) {
        validator.scopes(scopes);
    }

    /// The places of the program.
    public Sites sites() {
        return sites;
    }

    HeldTable table() {
        return table;
    }

    LockTable locks() {
        return locks;
    }

    /// What the current thread holds.
    public HeldLocks held() {
        return table.current();
    }

    // ---- locks ----------------------------------------------------------------------------------

    /// The thread takes a monitor.
    public void monitorEnter(Object monitor, int site) {
        acquire(table.current(), locks.bySite().get(site, monitor), monitor, true, 0, site);
    }

    /// The thread gives a monitor back.
    public void monitorExit(Object monitor) {
        release(table.current(), monitor, true, 0);
    }

    /// The thread takes a lock: it is about to wait for it, or has it.
    public void acquire(Object lock, int mode, int site) {
        acquire(table.current(), locks.bySite().get(site, lock), lock, false, mode, site);
    }

    /// The long way of a monitor; the short one is in `Hooks`.
    HeldLocks monitorEnter(HeldLocks h, Object monitor, int site) {
        acquire(h, locks.bySite().get(site, monitor), monitor, true, 0, site);
        return h;
    }

    /// The long way of a `lock()` that cannot fail; the short one is in `Hooks`.
    HeldLocks lock(HeldLocks h, Object lock, int site) {
        acquire(h, locks.bySite().get(site, lock), lock, false, Mode.EXCLUSIVE, site);
        return h;
    }

    /// The one door of all acquisitions.
    ///
    /// @param here what the place knows about the lock; null when it does not
    void acquire(HeldLocks h, @Nullable LockInstance here, Object lock, boolean monitor, int mode,
            int site) {
        if (!h.off()) {
            take(h, here != null ? here : locks.findFar(h, lock, monitor, site), lock, mode, site);
        }
    }

    /// As `acquire` for a `lock()` that was announced and cannot fail; else as `want`.
    ///
    /// @return whether it is done; false when `got` must follow
    boolean acquireOrWant(HeldLocks h, @Nullable LockInstance here, Object lock, int site) {
        if (h.off()) {
            return true;
        }
        LockInstance known = here != null ? here : locks.findFar(h, lock, false, site);
        if (known.trusted) {
            take(h, known, lock, Mode.EXCLUSIVE, site);
        } else {
            want(lock, Mode.EXCLUSIVE, site);
        }
        return known.trusted;
    }

    /// The thread is about to wait for a lock, but may fail to get it: edges only. Follow it by
    /// `got`.
    public void want(Object lock, int mode, int site) {
        HeldLocks h = table.current();
        if (!h.off() && h.depth() != 0) {
            LockInstance known = locks.find(h, lock, false, site);
            LockClass c = known.lockClass;
            int hash = LockTable.hashOf(known, lock);
            if (c != null && h.find(c.id(), hash) < 0) {
                check(h, c, hash, modeNow(h, mode | known.mode), site);
            }
        }
    }

    /// The thread has a lock that was announced by `want`.
    public void got(Object lock, int mode, int site) {
        HeldLocks h = table.current();
        if (!h.off()) {
            LockInstance known = locks.find(h, lock, false, site);
            LockClass c = known.lockClass;
            int hash = LockTable.hashOf(known, lock);
            if (c != null) {
                int m = modeNow(h, mode | known.mode);
                int held = h.depth() == 0 ? -1 : h.find(c.id(), hash);
                if (held >= 0) {
                    again(h, held, c, hash, m, site);
                } else {
                    h.push(c.id(), hash, m, site);
                }
            }
        }
    }

    /// The thread gives a lock back, once.
    public void release(Object lock) {
        release(table.current(), lock, false, 0);
    }

    /// The long way of all releases.
    ///
    /// @param site where, if the place may know the lock; else 0
    void release(HeldLocks h, Object lock, boolean monitor, int site) {
        boolean done = h.releaseLast(System.identityHashCode(lock));
        if (!done && !h.off() && h.depth() != 0) {
            LockInstance known = locks.find(h, lock, monitor, site);
            if (known.id != 0) {
                h.release(known.id, LockTable.hashOf(known, lock));
            }
        }
    }

    /// Whether the current thread holds the lock.
    public boolean holds(Object lock) {
        HeldLocks h = table.current();
        LockInstance known = locks.find(h, lock, false, 0);
        LockClass c = known.lockClass;
        return c != null && h.find(c.id(), LockTable.hashOf(known, lock)) >= 0;
    }

    /// A lock of the JDK was created.
    public void created(Object lock, int site) {
        locks.created(lock, site);
    }

    /// Puts a lock into the class of this name: for locks that are made by a factory.
    public void name(Object lock, String name) {
        locks.named(lock, name, "");
    }

    /// One side of a pair of locks was asked for.
    public void view(Object pair, Object side, boolean shared, int site) {
        if (locks.bySite().get(site, side) == null) {
            locks.view(table.current(), pair, side, shared, site);
        }
    }

    /// A condition of a lock was made.
    public void condition(Object lock, Object condition, int site) {
        locks.condition(table.current(), lock, condition, site);
    }

    /// A stamp was converted: the lock is now held in this mode.
    void convert(Object lock, int mode) {
        HeldLocks h = table.current();
        if (h.off()) {
            return;
        }
        LockInstance known = locks.find(h, lock, false, 0);
        LockClass c = known.lockClass;
        if (c != null) {
            int i = h.find(c.id(), LockTable.hashOf(known, lock));
            if (i >= 0) {
                h.convert(i, mode);
            } else {
                h.push(c.id(), LockTable.hashOf(known, lock), mode | Mode.TRY, 0);
            }
        }
    }

    // ---- condition waits ------------------------------------------------------------------------

    /// The thread begins to wait for a condition: it lets go of the lock, however often it holds
    /// it.
    ///
    /// @param waited the monitor, or the `Condition`
    /// @return how often it was held, for `waitEnd`; 0 when that is unknown
    public int waitBegin(Object waited, boolean monitor) {
        HeldLocks h = table.current();
        if (h.off()) {
            return 0;
        }
        LockInstance known = waitedFor(h, waited, monitor);
        LockClass c = known == null ? null : known.lockClass;
        int i = known == null || c == null ? -1
                : h.find(c.id(), LockTable.hashOf(known, waited));
        if (i < 0) {
            return 0;
        }
        int times = h.countAt(i);
        h.releaseEntry(i, times);
        return times;
    }

    /// The wait ended, normally or by a throw: the thread has taken the lock again, with whatever
    /// else it held meanwhile.
    public void waitEnd(Object waited, boolean monitor, int times, int site) {
        HeldLocks h = table.current();
        if (times == 0 || h.off()) {
            return;
        }
        LockInstance known = waitedFor(h, waited, monitor);
        if (known != null && known.lockClass != null) {
            take(h, known, waited, 0, site);
            int i = h.find(known.id, LockTable.hashOf(known, waited));
            if (times > 1 && i >= 0) {
                h.again(i, times - 1);
            }
        }
    }

    private @Nullable LockInstance waitedFor(HeldLocks h, Object waited, boolean monitor) {
        return monitor ? locks.find(h, waited, true, 0) : locks.ofCondition(waited);
    }

    // ---- the one path that all acquisitions take ------------------------------------------------

    private void take(HeldLocks h, LockInstance known, Object lock, int mode, int site) {
        int hash = LockTable.hashOf(known, lock);
        boolean done = (mode | known.mode) == known.mode && h.takeKnown(known, hash, site);
        if (!done && known.lockClass != null) {
            takeNew(h, known.lockClass, hash, modeNow(h, mode | known.mode), site);
        }
    }

    private void takeNew(HeldLocks h, LockClass c, int hash, int mode, int site) {
        int held = h.findOrClass(c.id(), hash);
        if (held >= 0) {
            again(h, held, c, hash, mode, site);
            return;
        }
        long key = ChainCache.extend(h.key(), c.id(), mode);
        if (h.depth() != 0) {
            if (held == -2 || !c.isReal() || (mode & Mode.TRY) != 0 || !chains.contains(key)) {
                check(h, c, hash, mode, site);
            }
            if (held == -1 && c.isReal()) {
                h.know(c.id(), mode, key);
            }
        }
        h.push(c.id(), hash, mode, site, key);
    }

    private static int modeNow(HeldLocks h, int mode) {
        return mode | h.modeNow();
    }

    private void check(HeldLocks h, LockClass c, int hash, int mode, int site) {
        if ((mode & Mode.TRY) == 0) { // a try waits for nobody, also not for one of its class
            if (!c.nests() && h.findOrClass(c.id(), hash) == -2) {
                slow(h, Step.SAME_CLASS, 0, new Wanted(c, hash, mode, site));
            }
            long key = ChainCache.extend(h.key(), c.id(), mode);
            if (!c.isReal()) { // which edges lead into reclaim depends on whose locks they are
                key = ChainCache.extend(key, FRAME_ID, h.frame());
            }
            if (!chains.contains(key)) {
                slow(h, Step.WANTED, 0, new Wanted(c, hash, mode, site));
                chains.add(key);
            }
        }
    }

    /// A lock that the thread has already. Never an edge, because it cannot wait; three times a
    /// bug.
    private void again(HeldLocks h, int held, LockClass c, int hash, int mode, int site) {
        int before = h.modeAt(held);
        h.again(held, 1);
        if (!c.isReal()) {
            return;
        }
        boolean waits = (mode & Mode.TRY) == 0;
        boolean bothShared = (before & mode & Mode.SHARED) != 0;
        boolean upgrade = (before & Mode.SHARED) != 0 && (mode & Mode.SHARED) == 0;
        if (waits && ((mode & Mode.NOT_REENTRANT) != 0 || upgrade)) {
            slow(h, Step.SELF, held, new Wanted(c, hash, mode, site));
        } else if (h.inReclaim() && held < h.frame() && !bothShared) {
            long key = ChainCache.extend(ChainCache.extend(site, c.id(), 0), REENTRY_ID, 0);
            if (!chains.contains(key)) {
                slow(h, Step.REENTRY, held, new Wanted(c, hash, mode, site));
                chains.add(key);
            }
        }
    }

    private enum Step { WANTED, SAME_CLASS, REENTRY, SELF, BLOCKING }

    private void slow(HeldLocks h, Step step, int index, Wanted wanted) {
        h.busy(true);
        try {
            switch (step) {
                case WANTED -> validator.wanted(h, wanted);
                case SAME_CLASS -> validator.sameClass(h, wanted);
                case REENTRY -> validator.reentry(h, index, wanted);
                case SELF -> validator.selfDeadlock(h, index, wanted);
                case BLOCKING -> validator.blocking(h, wanted);
            }
        } finally {
            h.busy(false);
        }
    }

    // ---- reclaim as locks -----------------------------------------------------------------------

    /// As the other, of an allocator without a name.
    public void mightAlloc(int bits, Exclusions exclusions) {
        mightAlloc(bits, exclusions, "");
    }

    /// A request that may block was made: it takes every pseudo-lock of its pool that its bits
    /// allow, and those of every domain that is not excluded (row K3). With nothing held that is
    /// two loads.
    ///
    /// @param bits `ReclaimLevel` bits, narrowed by the scopes
    /// @param pool the pool's name
    public void mightAlloc(int bits, Exclusions exclusions, String pool) {
        HeldLocks h = table.current();
        if (h.off()) {
            return;
        }
        if (h.isAtomic()) {
            LockClass wanted = pool(pool).levels[ReclaimLevel.held(bits)];
            slow(h, Step.BLOCKING, 0, new Wanted(wanted, 0, 0, 0));
        }
        if (h.depth() != 0) {
            mightAllocHolding(h, bits, exclusions, pool(pool));
        }
    }

    private ReclaimPool pool(String name) {
        ReclaimPool known = pools.get(name);
        if (known == null) {
            pools.putIfAbsent(name, new ReclaimPool(graph, name));
            known = Objects.requireNonNull(pools.get(name));
        }
        return known;
    }

    /// A method that a rule calls an allocation begins. Inside reclaim it says nothing, as with a
    /// noreclaim scope (K1).
    void foreignAllocEnter(int bits, Exclusions exclusions) {
        HeldLocks h = table.current();
        if (!h.off()) {
            if (!h.inReclaim()) {
                mightAlloc(bits, exclusions);
            }
            h.enterFrame();
        }
    }

    void foreignAllocExit() {
        HeldLocks h = table.current();
        if (!h.off()) {
            h.leaveFrame();
        }
    }

    /// Instances of this class are nested in an order that the program keeps: two of them held at
    /// once are not looked at. Call it before the first is taken.
    public void nests(String className) {
        graph.nests(className);
    }

    private void mightAllocHolding(HeldLocks h, int bits, Exclusions exclusions,
            ReclaimPool pool) {
        Domains.Domain[] all = pool.domains.all();
        long key = ChainCache.extend(ChainCache.extend(h.key(), ALLOC_ID, bits), all.length, 0);
        key = ChainCache.extend(key, pool.levels[0].id(), 0);
        key = ChainCache.extend(key, FRAME_ID, h.frame());
        for (Domains.Domain d : all) {
            Object domain = d.get();
            boolean takes = domain != null && !exclusions.excludes(domain);
            key = takes ? ChainCache.extend(key, d.levels[0].id(), 0) : key;
        }
        if (chains.contains(key)) {
            return;
        }
        for (int level = 0; level < ReclaimLevel.COUNT; level++) {
            if (ReclaimLevel.takes(bits, level)) {
                touch(h, pool.levels[level]);
                for (Domains.Domain d : all) {
                    Object domain = d.get();
                    if (domain != null && !exclusions.excludes(domain)) {
                        touch(h, d.levels[level]);
                    }
                }
            }
        }
        chains.add(key);
    }

    private void touch(HeldLocks h, LockClass c) {
        slow(h, Step.WANTED, 0, new Wanted(c, 0, 0, 0));
    }

    /// As the other, of an allocator without a name.
    public void reclaimEnter(int bits) {
        reclaimEnter(bits, "");
    }

    /// Reclaim begins on this thread. What is held now is what the allocating code holds.
    ///
    /// @param name the pool's name
    public void reclaimEnter(int bits, String name) {
        HeldLocks h = table.current();
        if (!h.off()) {
            int level = ReclaimLevel.held(bits);
            ReclaimPool pool = pool(name);
            h.enterFrame();
            takeNew(h, pool.levels[level], 0, 0, 0);
            if (!h.inReclaim()) {
                h.pool(pool);
            }
            h.reclaims(1);
            h.level(Math.max(level, h.level()));
        }
    }

    /// As the other, of an allocator without a name.
    public void reclaimLeave(int bits) {
        reclaimLeave(bits, "");
    }

    /// Reclaim ends.
    ///
    /// @param name the pool's name
    public void reclaimLeave(int bits, String name) {
        HeldLocks h = table.current();
        if (!h.off()) {
            h.release(pool(name).levels[ReclaimLevel.held(bits)].id(), 0);
            h.reclaims(-1);
            h.leaveFrame();
            if (!h.inReclaim()) {
                h.level(-1);
                h.pool(null);
            }
        }
    }

    /// A callback of reclaim begins. What it takes is taken by reclaim of its domain only, at the
    /// level of the reclaim that calls it; callbacks without a domain are one domain.
    ///
    /// @param mayWait false: whatever it takes is tried
    public void callbackEnter(@Nullable Object domain, boolean mayWait) {
        HeldLocks h = table.current();
        if (!h.off()) {
            // No edge into it: the request took the domains that it does not exclude, and a
            // shrinker of one that it does is still asked to count.
            h.push(levelOf(h, domain).id(), 0, 0, 0);
            h.noWait(!mayWait);
        }
    }

    /// The callback ends.
    public void callbackLeave(@Nullable Object domain) {
        HeldLocks h = table.current();
        if (!h.off()) {
            h.release(levelOf(h, domain).id(), 0);
            h.noWait(false);
        }
    }

    private LockClass levelOf(HeldLocks h, @Nullable Object domain) {
        int level = h.level() < 0 ? ReclaimLevel.held(ReclaimLevel.KERNEL) : h.level();
        ReclaimPool pool = h.pool();
        return (pool == null ? unnamed : pool).levelOf(domain, level);
    }

    // ---- waits that are not locks ---------------------------------------------------------------

    /// Memory of a pool, as a lock: who waits for it takes it, who must run for it to be freed
    /// holds it.
    public LockClass memory(String pool) {
        return graph.lockClass(LockClass.Kind.MEMORY, "memory of " + pool, "");
    }

    /// Anything else that threads wait for: a barrier, a latch, a future.
    public LockClass named(String name) {
        return graph.lockClass(LockClass.Kind.NAMED, name, "");
    }

    /// The thread waits for it: an edge from everything held. Who owes it himself, and waits, waits
    /// for himself: he has one of few buffers and wants another, or frees memory and needs some.
    public void waitFor(LockClass what) {
        HeldLocks h = table.current();
        if (!h.off() && h.depth() != 0) {
            int owed = h.find(what.id(), 0);
            if (owed >= 0) {
                slow(h, Step.SELF, owed, new Wanted(what, 0, 0, 0));
            } else {
                check(h, what, 0, modeNow(h, 0), 0);
            }
        }
    }

    /// From here on others may wait for what this thread does; until `settled`. Adds no edge into
    /// it: to begin something that others will wait for is not to wait.
    public void owes(LockClass what) {
        HeldLocks h = table.current();
        if (!h.off()) {
            int i = h.find(what.id(), 0);
            if (i >= 0) {
                h.again(i, 1);
            } else {
                h.push(what.id(), 0, 0, 0);
            }
        }
    }

    /// Nobody has to wait for this thread any more.
    public void settled(LockClass what) {
        HeldLocks h = table.current();
        if (!h.off()) {
            h.release(what.id(), 0);
        }
    }

    /// The thread must not block until `atomicLeave`.
    public void atomicEnter() {
        table.current().atomic(1);
    }

    /// The thread may block again.
    public void atomicLeave() {
        table.current().atomic(-1);
    }

    // ---- figures --------------------------------------------------------------------------------

    /// Every edge.
    public List<Edge> edges() {
        return graph.edges();
    }

    /// Whether reclaim that has one of these bits, of whatever pool and domain, was seen to need
    /// the lock, at once or through others: then an allocation with them under that lock closes a
    /// cycle.
    public boolean reclaimTakes(LockClass lock, int bits) {
        for (ReclaimPool pool : pools.values()) {
            for (int level = 1; level < ReclaimLevel.COUNT; level++) {
                if (ReclaimLevel.takes(bits, level) && pool.takes(graph, level, lock)) {
                    return true;
                }
            }
        }
        return false;
    }

    /// The classes of everything the current thread holds, outermost first.
    public List<LockClass> heldClasses() {
        HeldLocks h = table.current();
        List<LockClass> all = new ArrayList<>();
        for (int i = 0; i < h.depth(); i++) {
            all.add(graph.byId(h.idAt(i)));
        }
        return all;
    }

    /// Takes every lock of this class out of what the current thread holds: for a lock that is
    /// handed to another thread, or never given back on purpose.
    public void forget(LockClass lock) {
        HeldLocks h = table.current();
        for (int i = h.depth() - 1; i >= 0; i--) {
            if (h.idAt(i) == lock.id()) {
                h.releaseEntry(i, h.countAt(i));
            }
        }
    }

    /// Where the innermost held lock of this class was taken; empty when unknown.
    public String takenAt(HeldLocks h, LockClass lock) {
        for (int i = h.depth() - 1; i >= 0; i--) {
            if (h.idAt(i) == lock.id()) {
                return sites.place(h.siteAt(i));
            }
        }
        return "";
    }

    /// "12 classes, 34 edges, 56 chains".
    public String figures() {
        return graph.classCount() + " classes, " + graph.edgeCount() + " edges, " + chains.size()
                + " chains";
    }

    LockClass classOf(int id) {
        return graph.byId(id);
    }
}
