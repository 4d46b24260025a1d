package dev.polder.task;

import java.lang.ref.WeakReference;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// One thread's scope word, its open scopes and its excluded domains.
///
/// Only the owner calls what changes anything. See the notes.
@SuppressWarnings("ReferenceEquality") // domains and sites are compared by identity
public abstract sealed class ScopeStack extends WeakReference<Thread> permits Task {
    /*
     * Two words, one sum.
     *
     *   flags      = rawFlags | scopeFlags    (what reclaim looks at)
     *   rawFlags   = bits set by saveFlags or saveRaw and not yet cleared by a restore (B1-B4)
     *   scopeFlags = union of the wanted bits of the scope entries on the stack
     *
     * They are kept apart so that a raw restore, which clears exactly its token whatever that
     * breaks (B4), can never take away what an open MemallocScope holds.
     *
     * The stack. Entry i is words[i] and sites[i] (and domains[i], for an exclusion):
     *
     *   serial << 12 | CARRIED | EXCLUDING | RAW | CLOSED | wanted bits << 4 | token
     *
     * References are not cleared when an entry leaves, and not stored when they are there already:
     * that keeps the collector's barriers off the path, and open and close small enough to be
     * inlined into their callers, without which a handle would be allocated. What is kept is a site
     * and a domain, which are small and mostly constants.
     *
     * The token is what the entry newly set: in scopeFlags for a scope, in flags for a raw save. A
     * serial is never used twice in a thread, so a handle is just the serial: closed twice, or out
     * of order, is found by comparing it. Scope entries leave strictly from the top; one that is
     * closed out of order is marked CLOSED and leaves when everything above it has left, so that
     * its restriction neither leaks nor ends while a scope opened under it still counts on it. The
     * entry on top is never CLOSED. A raw entry that is restored out of order leaves at once when
     * no scope stands above it, else it is marked CLOSED (its bits are gone already).
     *
     * Who else reads. The reaper reads `outermost` of live threads, racily and opaquely in effect:
     * it compares a serial with the one it saw a minute ago, and a stale value costs one late
     * report. It reads the contents of a dead thread after isAlive() returned false, which happens
     * after everything the thread did (JLS 17.4.4).
     */

    /// Deepest nesting that is recorded. A thread that exceeds it opens scopes in a loop and never
    /// closes them; the stack of calls would have overflowed long before.
    static final int LIMIT = 1 << 16;

    /// Scopes, and exclusions, that a message names; a person reads no more.
    static final int TOLD = 10;

    static final int ALL = 7;

    private static final int WANTED_SHIFT = 4;
    private static final int CLOSED = 1 << 8;
    private static final int RAW = 1 << 9;
    private static final int EXCLUDING_SHIFT = 10;
    private static final int EXCLUDING = 1 << EXCLUDING_SHIFT;
    private static final int CARRIED = 1 << 11;
    private static final int SERIAL_SHIFT = 12;
    private static final int FIRST_LENGTH = 8;
    private static final long[] NO_WORDS = {};
    private static final Object[] NO_OBJECTS = {};

    private int flags;
    private int rawFlags;
    private int scopeFlags;

    private int depth;
    private long lastSerial;
    private long[] words = NO_WORDS;
    private @Nullable Object[] sites = NO_OBJECTS;
    private @Nullable Object[] domains = NO_OBJECTS;
    private int excluding; // number of EXCLUDING entries
    private int unrecordedRaw;

    final Exclusions guards = new Exclusions();

    ScopeStack(@Nullable Thread owner) {
        super(owner);
    }

    /// Called once per thread, when it first opens anything.
    abstract void firstOpened();

    abstract String ownerName();

    // ---- the scope word -------------------------------------------------------------------------

    /// The scope word: `NOFS`, `NOIO` and `NORECLAIM` bits of `Task`.
    public final int flags() {
        return flags;
    }

    /// Sets the bits and returns those this call newly set (memalloc_flags_save, B1). For Polder's
    /// own strictly nested sections: nothing is recorded, so nothing is reported.
    public final int saveFlags(int bits) {
        int token = bits & ALL & ~flags;
        rawFlags |= token;
        flags |= token;
        return token;
    }

    /// Clears exactly the bits of the token (memalloc_flags_restore, B1).
    public final void restoreFlags(int token) {
        rawFlags &= ~token;
        flags = rawFlags | scopeFlags;
    }

    // ---- kernel-shaped tokens, recorded ---------------------------------------------------------

    /// As `saveFlags`, recorded so that a missing or crossed restore is found.
    ///
    /// @param family the one bit of the function's family
    /// @param site what to say about it
    public final int saveRaw(int family, Object site) {
        int token = saveFlags(family);
        if (depth >= LIMIT || unrecordedRaw > 0) {
            unrecordedRaw++;
        } else {
            push(RAW | family << WANTED_SHIFT | token, site);
        }
        return token;
    }

    /// As `restoreFlags`; a token that is not the one given out last by the same family is
    /// reported, never refused (B4).
    public final void restoreRaw(int family, int token) {
        restoreFlags(token & ALL);
        int top = depth - 1;
        int expected = RAW | family << WANTED_SHIFT | token;
        if (unrecordedRaw > 0) {
            unrecordedRaw--;
        } else if (top >= 0 && ((int) words[top] & ((1 << SERIAL_SHIFT) - 1)) == expected) {
            popTop(top);
        } else {
            crossed(family, token);
        }
    }

    private void crossed(int family, int token) {
        ScopeReports reports = ScopeReports.get();
        if (reports != null) {
            reports.crossed(ownerName(), "restore of " + ScopeText.flags(family) + " with token "
                    + (token == 0 ? "(none)" : ScopeText.flags(token)) + " while inside "
                    + describeScopes());
        }
        for (int i = depth - 1; i >= 0; i--) {
            int word = (int) words[i];
            if (i >= depth || (word & (RAW | CLOSED)) != RAW) { // depth falls when a top one goes
                continue;
            }
            int held = word & ALL;
            boolean emptyOne = token == 0 && held == 0 && wanted(word) == family;
            if (emptyOne || (held & token) != 0) {
                dropRaw(i);
                if (emptyOne) {
                    break;
                }
            }
        }
    }

    /// Takes a raw entry out of the middle; scopes above it are found by serial, not by index, but
    /// only entries on top may leave while one stands above, so then it is marked.
    private void dropRaw(int index) {
        words[index] |= CLOSED;
        for (int i = index + 1; i < depth; i++) {
            if ((words[i] & (RAW | CLOSED)) == 0) {
                return;
            }
        }
        int moved = depth - index - 1;
        System.arraycopy(words, index + 1, words, index, moved);
        System.arraycopy(sites, index + 1, sites, index, moved);
        System.arraycopy(domains, index + 1, domains, index, moved);
        depth--;
        popClosed();
    }

    // ---- scopes ---------------------------------------------------------------------------------

    /// Opens a scope that removes the abilities of `bits`; returns its serial, which closes it.
    public final long open(int bits, Object site) {
        int token = bits & ~scopeFlags;
        long serial = push(bits << WANTED_SHIFT | token, site);
        scopeFlags |= token;
        flags |= token;
        return serial;
    }

    /// Opens a scope that excludes a domain; returns its serial.
    public final long openExcluding(Object domain, Object site) {
        long serial = push(EXCLUDING, site);
        setDomain(depth - 1, domain);
        excluding++;
        return serial;
    }

    /// Closes the innermost scope if it has this serial and the owner calls; else changes nothing
    /// and returns false.
    public final boolean closeTop(long serial) {
        if (!refersTo(Thread.currentThread())) {
            return false;
        }
        int top = depth - 1;
        if (top < 0 || words[top] >>> SERIAL_SHIFT != serial) {
            return false;
        }
        popTop(top);
        return true;
    }

    /// Closes a scope that is not the innermost: marks it. Returns false when it is not open.
    final boolean closeBuried(long serial) {
        for (int i = depth - 1; i >= 0; i--) {
            if (words[i] >>> SERIAL_SHIFT == serial) {
                boolean open = (words[i] & CLOSED) == 0;
                words[i] |= CLOSED;
                return open;
            }
        }
        return false;
    }

    private long push(int bits, Object site) {
        int at = depth;
        if (at == words.length) {
            grow();
        }
        long serial = ++lastSerial;
        words[at] = serial << SERIAL_SHIFT | bits;
        if (sites[at] != site) { // the same scope opened again and again stores no reference
            sites[at] = site;
        }
        depth = at + 1;
        return serial;
    }

    /// Also called for nothing: a scope that is opened again and again finds its domain in place.
    private void setDomain(int index, Object domain) {
        if (domains[index] != domain) {
            domains[index] = domain;
        }
    }

    private void popTop(int top) {
        removeTop(top);
        if (top > 0 && (words[top - 1] & CLOSED) != 0) {
            popClosed();
        }
    }

    private void popClosed() {
        while (depth > 0 && (words[depth - 1] & CLOSED) != 0) {
            removeTop(depth - 1);
        }
    }

    private void removeTop(int top) {
        int word = (int) words[top];
        depth = top;
        if ((word & RAW) == 0) {
            scopeFlags &= ~(word & ALL);
            flags = rawFlags | scopeFlags;
            excluding -= (word & EXCLUDING) >>> EXCLUDING_SHIFT;
        }
    }

    private void grow() {
        int length = words.length;
        if (length >= LIMIT) {
            throw new IllegalStateException("more than " + LIMIT + " scopes are open on thread "
                    + ownerName() + "; the innermost is " + describe(depth - 1));
        }
        int longer = Math.max(FIRST_LENGTH, 2 * length);
        words = Arrays.copyOf(words, longer);
        sites = Arrays.copyOf(sites, longer);
        domains = Arrays.copyOf(domains, longer);
        if (length == 0) {
            firstOpened();
        }
    }

    // ---- exclusions -----------------------------------------------------------------------------

    /// Whether the thread is inside any domain exclusion, by scope or by guard.
    public final boolean excludesAny() {
        return excluding != 0 || guards.used() != 0;
    }

    /// Whether the thread excludes this domain (compared by identity).
    public final boolean excludes(Object domain) {
        if (excluding != 0) {
            for (int i = depth - 1; i >= 0; i--) {
                if (domains[i] == domain && (words[i] & EXCLUDING) != 0) {
                    return true;
                }
            }
        }
        return guards.contains(domain);
    }

    /// Enters an exclusion of the domain; counted.
    public final void exclude(Object domain, Object site) {
        exclude(domain, site, site, 1);
    }

    /// Leaves an exclusion entered by `exclude(domain, site)`.
    ///
    /// @throws IllegalStateException when there is none
    public final void unexclude(Object domain, Object site) {
        if (unexclude(domain, site, site, 1) != 1) {
            throw new IllegalStateException("domain '" + domain + "' is not excluded by " + site
                    + " on thread " + ownerName());
        }
    }

    /// Enters an exclusion `count` times for a holder: the guard whose lock it is.
    public final void exclude(Object domain, Object site, Object holder, int count) {
        guards.add(domain, site, holder, count, ++lastSerial);
        if (words.length == 0) {
            grow();
        }
    }

    /// Leaves an exclusion up to `count` times; returns how often it was left.
    public final int unexclude(Object domain, Object site, Object holder, int count) {
        return guards.remove(domain, site, holder, count);
    }

    /// How often the holder is entered on this thread.
    public final int heldBy(Object holder) {
        return guards.countOf(holder);
    }

    // ---- marks: for handed-over work and for callbacks ------------------------------------------

    /// How many entries the stack has: give it to `unwind` later.
    public final int depth() {
        return depth;
    }

    /// The serial given out last; exclusions entered later have greater ones.
    final long lastSerial() {
        return lastSerial;
    }

    final int rawFlags() {
        return rawFlags;
    }

    /// Opens an entry on behalf of another thread's scope.
    final void openCarried(int bits, @Nullable Object domain, Object site) {
        int token = bits & ~scopeFlags;
        push(CARRIED | (domain == null ? 0 : EXCLUDING) | bits << WANTED_SHIFT | token, site);
        scopeFlags |= token;
        flags |= token;
        if (domain != null) {
            setDomain(depth - 1, domain);
            excluding++;
        }
    }

    /// Closes every entry above `mark`, whoever opened it, and ends raw bits set since: afterwards
    /// the raw word is `raw` and the entries below `mark` are as they were. Handles of the closed
    /// entries count as closed.
    ///
    /// @return how many open entries were closed, those of `openCarried` not counted
    final int unwind(int mark, int raw) {
        int closed = 0;
        while (depth > mark) {
            int top = depth - 1;
            if ((words[top] & (CLOSED | CARRIED)) == 0) {
                closed++;
            }
            removeTop(top);
        }
        popClosed();
        rawFlags = raw;
        flags = rawFlags | scopeFlags;
        return closed;
    }

    // ---- telling --------------------------------------------------------------------------------

    /// Whether the thread is inside any scope, recorded save, or exclusion.
    public final boolean insideAny() {
        return depth != 0 || flags != 0 || guards.used() != 0;
    }

    /// Serial of the outermost open scope or exclusion, 0 when there is none. May be called by
    /// other threads; then the answer can be old.
    final long outermost() {
        long[] w = words;
        long scope = depth > 0 && w.length > 0 ? w[0] >>> SERIAL_SHIFT : 0;
        return scope != 0 ? scope : guards.oldestSerial();
    }

    /// Whether the scope or exclusion with this serial is open. May be called by other threads;
    /// then the answer can be old.
    final boolean isOpen(long serial) {
        long[] w = words;
        for (int i = Math.min(depth, w.length) - 1; i >= 0; i--) {
            if (w[i] >>> SERIAL_SHIFT == serial) {
                return (w[i] & CLOSED) == 0;
            }
        }
        return guards.contains(serial);
    }

    /// The site of the innermost scope that takes one of these abilities away; null if none does.
    ///
    /// @param bits task flags
    public final @Nullable Object siteOf(int bits) {
        for (int i = depth - 1; i >= 0; i--) {
            if (((int) words[i] >>> WANTED_SHIFT & bits & ALL) != 0) {
                return sites[i];
            }
        }
        return null;
    }

    /// The site of the innermost scope that excludes a domain; null if none does, but a guard may.
    public final @Nullable Object siteExcluding(Object domain) {
        for (int i = depth - 1; i >= 0; i--) {
            if ((words[i] & EXCLUDING) != 0 && domains[i] == domain) {
                return sites[i];
            }
        }
        return null;
    }

    /// The site of the innermost open scope or guard: a `ScopeSite`, or the reason as a `String`;
    /// null when there is none.
    public final @Nullable Object innermostSite() {
        int top = depth - 1;
        if (guards.newestSerial() > innermostSerial()) {
            return guards.siteAt(guards.used() - 1);
        }
        return top < 0 ? null : sites[top];
    }

    /// Whether what is innermost now, scope or guard, was handed over by another thread.
    final boolean innermostIsCarried() {
        return depth != 0 && (words[depth - 1] & CARRIED) != 0
                && guards.newestSerial() < innermostSerial();
    }

    /// Serial of the entry that is innermost now, 0 when there is none.
    public final long innermostSerial() {
        return depth == 0 ? 0 : words[depth - 1] >>> SERIAL_SHIFT;
    }

    /// What the thread is inside of in words, or "no scope": scopes, innermost first, then guards.
    public final String describeScopes() {
        StringBuilder text = new StringBuilder();
        int untold = Math.max(0, depth - TOLD);
        for (int i = depth - 1; i >= untold; i--) {
            ScopeText.join(text, describe(i));
        }
        ScopeText.more(text, untold, "scopes");
        untold = Math.max(0, guards.used() - TOLD);
        for (int i = guards.used() - 1; i >= untold; i--) {
            ScopeText.join(text, ScopeText.exclusion(guards.domainAt(i), guards.siteAt(i)));
        }
        ScopeText.more(text, untold, "exclusions");
        int unexplained = rawFlags & ~recordedRaw();
        if (unexplained != 0) {
            ScopeText.join(text, ScopeText.flags(unexplained) + " inside Polder");
        }
        return text.length() == 0 ? "no scope" : text.toString();
    }

    /// The entry that is innermost now, in words, or "no scope".
    final String describeInnermost() {
        return depth == 0 ? "no scope" : describe(depth - 1);
    }

    /// The outermost entry in words. For the reaper, while the owner may go on: what it says can be
    /// old, and is never wrong about memory.
    final String describeOutermost() {
        long[] w = words;
        @Nullable Object[] s = sites;
        if (depth > 0 && w.length > 0 && s.length > 0) {
            int word = (int) w[0];
            return (word & EXCLUDING) != 0
                    ? "exclusion by " + ScopeText.site(s[0])
                    : ScopeText.scope(wanted(word), s[0], (word & RAW) != 0);
        }
        return "exclusion by a guarded lock";
    }

    private int recordedRaw() {
        int bits = 0;
        for (int i = 0; i < depth; i++) {
            if ((words[i] & RAW) != 0) {
                bits |= (int) words[i] & ALL;
            }
        }
        return bits;
    }

    private String describe(int i) {
        int word = (int) words[i];
        String what = (word & EXCLUDING) != 0
                ? ScopeText.exclusion(domains[i], sites[i])
                : ScopeText.scope(wanted(word), sites[i], (word & RAW) != 0);
        return what + ((word & CARRIED) != 0 ? ", handed over" : "")
                + ((word & CLOSED) != 0 ? ", closed out of order" : "");
    }

    // ---- for snapshots --------------------------------------------------------------------------

    final long serialAt(int i) {
        return words[i] >>> SERIAL_SHIFT;
    }

    final int wantedAt(int i) {
        return (words[i] & RAW) != 0 ? (int) words[i] & ALL : wanted((int) words[i]);
    }

    final @Nullable Object siteAt(int i) {
        return sites[i];
    }

    /// The domain of an excluding entry, null for others.
    final @Nullable Object domainAt(int i) {
        return (words[i] & EXCLUDING) == 0 ? null : domains[i];
    }

    private static int wanted(int word) {
        return word >>> WANTED_SHIFT & ALL;
    }

    /// Checks the equations of the notes.
    ///
    /// @throws IllegalStateException naming the first that fails
    public final void verify() {
        int wanted = 0;
        int raw = 0;
        int exclusions = 0;
        long previous = 0;
        for (int i = 0; i < depth; i++) {
            int word = (int) words[i];
            if ((word & RAW) != 0) {
                raw |= (word & CLOSED) != 0 ? 0 : word & ALL;
            } else {
                wanted |= wanted(word);
            }
            exclusions += (word & EXCLUDING) != 0 ? 1 : 0;
            ScopeText.check((word & EXCLUDING) == 0 || domains[i] != null,
                    "an excluding entry has a domain");
            long serial = words[i] >>> SERIAL_SHIFT;
            ScopeText.check(serial > previous, "serials rise towards the top");
            previous = serial;
        }
        ScopeText.check(excluding == exclusions, "the excluding entries are counted");
        ScopeText.check(scopeFlags == wanted, "scopeFlags is the union of the open scopes");
        ScopeText.check((raw & ~rawFlags) == 0, "every recorded raw token is set");
        ScopeText.check(flags == (rawFlags | scopeFlags), "flags is the union of both words");
        ScopeText.check(depth == 0 || (words[depth - 1] & CLOSED) == 0, "the top entry is open");
    }
}
