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
     *   flags()    = rawFlags | bits in force in the entry on top    (what reclaim looks at)
     *   rawFlags   = bits set by saveFlags or saveRaw and not yet cleared by a restore (B1-B4)
     *
     * They are kept apart so that a raw restore, which clears exactly its token whatever that
     * breaks (B4), can never take away what an open MemallocScope holds.
     *
     * The stack. An entry has a word, a site, and a domain if it is an exclusion. The word:
     *
     *   serial << 14 | CARRIED | EXCLUDING | RAW | CLOSED | in force << 6 | wanted << 3 | token
     *
     * What is in force is the union of what the scope entries up to this one want, and whether one
     * of them excludes. So leaving a scope is to look at the entry below: nothing is added up or
     * taken off. Below all is the ground, where nothing is in force. The token is what a raw save
     * newly set.
     *
     * Entries are made once, linked, and used again. What they refer to is not cleared when they
     * leave, and not stored when it is there already: that keeps the collector's barriers off the
     * path, and open and close small enough to be inlined into their callers, without which a
     * handle would be allocated. What is kept is a site and a domain, which are small and mostly
     * constants.
     *
     * A serial is never used twice in a thread, and the word of the entry on top stands in a field
     * of its own. So a handle is entry and word: closed twice, or out of order, is found by one
     * comparison. Scope entries keep their places and leave strictly from the top; one that is
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

    private static final int WANTED_SHIFT = 3;
    private static final int FORCE_SHIFT = 6;
    /// In what is in force: some domain is excluded.
    private static final int EXCLUDED = 1 << 9;
    private static final int IN_FORCE = ALL << FORCE_SHIFT | EXCLUDED;
    private static final int CLOSED = 1 << 10;
    private static final int RAW = 1 << 11;
    private static final int EXCLUDING = 1 << 12;
    private static final int CARRIED = 1 << 13;
    private static final int SERIAL_SHIFT = 14;
    private static final int FIRST_LENGTH = 8;
    // The ground and nothing else
    private static final Entry[] NO_ENTRIES = {Entry.GROUND};

    /// A scope, a save or an exclusion, open or to be used again.
    public static final class Entry {
        static final Entry GROUND = new Entry(null);

        /// The one it stands on; the ground stands on itself.
        final Entry below;
        long word;
        @Nullable Object site;
        @Nullable Object domain;

        Entry(@Nullable Entry below) {
            this.below = below == null ? this : below;
        }
    }

    private int rawFlags;

    // top = entries[depth].word; the ground is entry 0
    private int depth;
    private long top;
    private long lastSerial;
    private Entry[] entries = NO_ENTRIES;
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
        return rawFlags | scopeFlags();
    }

    private int scopeFlags() {
        return (int) top >>> FORCE_SHIFT & ALL;
    }

    /// Sets the bits and returns those this call newly set (memalloc_flags_save, B1). For Polder's
    /// own strictly nested sections: nothing is recorded, so nothing is reported.
    public final int saveFlags(int bits) {
        int token = bits & ALL & ~flags();
        rawFlags |= token;
        return token;
    }

    /// Clears exactly the bits of the token (memalloc_flags_restore, B1).
    public final void restoreFlags(int token) {
        rawFlags &= ~token;
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
        int last = (int) top & ((1 << SERIAL_SHIFT) - 1) & ~IN_FORCE;
        if (unrecordedRaw > 0) {
            unrecordedRaw--;
        } else if (last == (RAW | family << WANTED_SHIFT | token)) {
            downTo(depth - 1);
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
        for (int i = depth; i > 0; i--) {
            // depth falls when a top one goes
            int word = i > depth ? CLOSED : (int) entries[i].word;
            if ((word & (RAW | CLOSED)) != RAW) {
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
        entries[index].word |= CLOSED;
        for (int i = index + 1; i <= depth; i++) {
            if ((entries[i].word & (RAW | CLOSED)) == 0) {
                return;
            }
        }
        for (int i = index; i < depth; i++) {
            Entry above = entries[i + 1];
            Entry entry = entries[i];
            entry.word = above.word;
            entry.site = above.site;
            entry.domain = above.domain;
        }
        downTo(depth - 1);
    }

    // ---- scopes ---------------------------------------------------------------------------------

    /// Opens a scope that removes the abilities of `bits`. What closes it is the entry and its
    /// word.
    public final Entry open(int bits, Object site) {
        return push(bits << FORCE_SHIFT | bits << WANTED_SHIFT, site);
    }

    /// Opens a scope that excludes a domain.
    public final Entry openExcluding(Object domain, Object site) {
        Entry entry = push(EXCLUDED | EXCLUDING, site);
        if (entry.domain != domain) {
            entry.domain = domain;
        }
        return entry;
    }

    /// The word of the entry that was opened last, by which it is known as long as it lives.
    public final long topWord() {
        return top;
    }

    /// Closes the innermost scope if it is this entry with this word and the owner calls; else
    /// changes nothing and returns false.
    public final boolean closeTop(Entry entry, long word) {
        if (top != word || !refersTo(Thread.currentThread())) {
            return false;
        }
        long below = entry.below.word;
        top = below;
        depth--;
        if ((below & CLOSED) != 0) {
            downTo(depth);
        }
        return true;
    }

    /// Closes a scope that is not the innermost: marks it. Returns false when it is not open.
    final boolean closeBuried(long word) {
        for (int i = depth; i > 0; i--) {
            Entry entry = entries[i];
            if (entry.word >>> SERIAL_SHIFT == word >>> SERIAL_SHIFT) {
                boolean open = (entry.word & CLOSED) == 0;
                entry.word |= CLOSED;
                return open;
            }
        }
        return false;
    }

    private Entry push(int bits, @Nullable Object site) {
        int at = depth + 1;
        Entry[] all = entries;
        Entry entry = Integer.compareUnsigned(at, all.length) < 0 ? all[at] : grow();
        long serial = ++lastSerial;
        long word = serial << SERIAL_SHIFT | (top & IN_FORCE) | bits;
        entry.word = word;
        if (entry.site != site) { // the same scope opened again and again stores no reference
            entry.site = site;
        }
        top = word;
        depth = at;
        return entry;
    }

    /// Leaves what stands above a place, and what is closed there already.
    private void downTo(int place) {
        int at = place;
        while ((entries[at].word & CLOSED) != 0) {
            at--;
        }
        depth = at;
        top = entries[at].word;
    }

    /// Makes more entries; the next one above the top.
    private Entry grow() {
        int length = entries.length;
        if (length > LIMIT) {
            throw new IllegalStateException("more than " + LIMIT + " scopes are open on thread "
                    + ownerName() + "; the innermost is " + describe(depth));
        }
        Entry[] more = Arrays.copyOf(entries,
                Math.min(Math.max(FIRST_LENGTH, 2 * length), LIMIT + 1));
        for (int i = length; i < more.length; i++) {
            more[i] = new Entry(more[i - 1]);
        }
        entries = more;
        if (length == NO_ENTRIES.length) {
            firstOpened();
        }
        return more[length];
    }

    // ---- exclusions -----------------------------------------------------------------------------

    /// Whether the thread is inside any domain exclusion, by scope or by guard.
    public final boolean excludesAny() {
        return (top & EXCLUDED) != 0 || guards.used() != 0;
    }

    /// Whether the thread excludes this domain (compared by identity).
    public final boolean excludes(Object domain) {
        if ((top & EXCLUDED) != 0) {
            for (int i = depth; i > 0; i--) {
                if (entries[i].domain == domain && (entries[i].word & EXCLUDING) != 0) {
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
        if (entries.length == NO_ENTRIES.length) {
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
        Entry entry = push(CARRIED | (domain == null ? 0 : EXCLUDED | EXCLUDING)
                | bits << FORCE_SHIFT | bits << WANTED_SHIFT, site);
        if (domain != null) {
            entry.domain = domain;
        }
    }

    /// Closes every entry above `mark`, whoever opened it, and ends raw bits set since: afterwards
    /// the raw word is `raw` and the entries below `mark` are as they were. Handles of the closed
    /// entries count as closed.
    ///
    /// @return how many open entries were closed, those of `openCarried` not counted
    final int unwind(int mark, int raw) {
        int closed = 0;
        for (int i = depth; i > mark; i--) {
            if ((entries[i].word & (CLOSED | CARRIED)) == 0) {
                closed++;
            }
        }
        downTo(Math.min(depth, mark));
        rawFlags = raw;
        return closed;
    }

    // ---- telling --------------------------------------------------------------------------------

    /// Whether the thread is inside any scope, recorded save, or exclusion.
    public final boolean insideAny() {
        return depth != 0 || rawFlags != 0 || guards.used() != 0;
    }

    /// Serial of the outermost open scope or exclusion, 0 when there is none. May be called by
    /// other threads; then the answer can be old.
    final long outermost() {
        long scope = depth > 0 ? seenAt(1).word >>> SERIAL_SHIFT : 0;
        return scope != 0 ? scope : guards.oldestSerial();
    }

    /// Whether the scope or exclusion with this serial is open. May be called by other threads;
    /// then the answer can be old.
    final boolean isOpen(long serial) {
        for (int i = depth; i > 0; i--) {
            long word = seenAt(i).word;
            if (word >>> SERIAL_SHIFT == serial) {
                return (word & CLOSED) == 0;
            }
        }
        return guards.contains(serial);
    }

    /// The entry at a place as another thread sees it, which may see the array too short or not
    /// yet filled; the ground then.
    private Entry seenAt(int place) {
        Entry[] all = entries;
        @Nullable Entry entry = place < all.length ? all[place] : null;
        return entry == null ? Entry.GROUND : entry;
    }

    /// The site of the innermost scope that takes one of these abilities away; null if none does.
    ///
    /// @param bits task flags
    public final @Nullable Object siteOf(int bits) {
        for (int i = depth; i > 0; i--) {
            if ((wanted((int) entries[i].word) & bits) != 0) {
                return entries[i].site;
            }
        }
        return null;
    }

    /// The site of the innermost scope that excludes a domain; null if none does, but a guard may.
    public final @Nullable Object siteExcluding(Object domain) {
        for (int i = depth; i > 0; i--) {
            if ((entries[i].word & EXCLUDING) != 0 && entries[i].domain == domain) {
                return entries[i].site;
            }
        }
        return null;
    }

    /// The site of the innermost open scope or guard: a `ScopeSite`, or the reason as a `String`;
    /// null when there is none.
    public final @Nullable Object innermostSite() {
        if (guards.newestSerial() > innermostSerial()) {
            return guards.siteAt(guards.used() - 1);
        }
        return entries[depth].site;
    }

    /// Whether what is innermost now, scope or guard, was handed over by another thread.
    final boolean innermostIsCarried() {
        return (top & CARRIED) != 0
                && guards.newestSerial() < innermostSerial();
    }

    /// Serial of the entry that is innermost now, 0 when there is none.
    public final long innermostSerial() {
        return top >>> SERIAL_SHIFT;
    }

    /// What the thread is inside of in words, or "no scope": scopes, innermost first, then guards.
    public final String describeScopes() {
        StringBuilder text = new StringBuilder();
        int untold = Math.max(0, depth - TOLD);
        for (int i = depth; i > untold; i--) {
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
        return depth == 0 ? "no scope" : describe(depth);
    }

    /// The outermost entry in words. For the reaper, while the owner may go on: what it says can be
    /// old, and is never wrong about memory.
    final String describeOutermost() {
        Entry first = seenAt(1);
        int word = (int) first.word;
        if (depth > 0 && word != 0) {
            Object site = first.site;
            return (word & EXCLUDING) != 0
                    ? "exclusion by " + ScopeText.site(site)
                    : ScopeText.scope(wanted(word), site, (word & RAW) != 0);
        }
        return "exclusion by a guarded lock";
    }

    private int recordedRaw() {
        int bits = 0;
        for (int i = 1; i <= depth; i++) {
            if ((entries[i].word & RAW) != 0) {
                bits |= (int) entries[i].word & ALL;
            }
        }
        return bits;
    }

    private String describe(int i) {
        Entry entry = entries[i];
        int word = (int) entry.word;
        String what = (word & EXCLUDING) != 0
                ? ScopeText.exclusion(entry.domain, entry.site)
                : ScopeText.scope(wanted(word), entry.site, (word & RAW) != 0);
        return what + ((word & CARRIED) != 0 ? ", handed over" : "")
                + ((word & CLOSED) != 0 ? ", closed out of order" : "");
    }

    // ---- for snapshots --------------------------------------------------------------------------

    final long serialAt(int place) {
        return entries[place].word >>> SERIAL_SHIFT;
    }

    final int wantedAt(int place) {
        int word = (int) entries[place].word;
        return (word & RAW) != 0 ? word & ALL : wanted(word);
    }

    final @Nullable Object siteAt(int place) {
        return entries[place].site;
    }

    /// The domain of an excluding entry, null for others.
    final @Nullable Object domainAt(int place) {
        return (entries[place].word & EXCLUDING) == 0 ? null : entries[place].domain;
    }

    private static int wanted(int word) {
        return word >>> WANTED_SHIFT & ALL;
    }

    /// Checks the equations of the notes.
    ///
    /// @throws IllegalStateException naming the first that fails
    public final void verify() {
        long inForce = 0;
        int raw = 0;
        long previous = 0;
        ScopeText.check(entries[0].word == 0, "nothing is in force on the ground");
        for (int i = 1; i <= depth; i++) {
            int word = (int) entries[i].word;
            if ((word & RAW) != 0) {
                raw |= (word & CLOSED) != 0 ? 0 : word & ALL;
            } else {
                inForce |= wanted(word) << FORCE_SHIFT | ((word & EXCLUDING) != 0 ? EXCLUDED : 0);
            }
            ScopeText.check((word & EXCLUDING) == 0 || entries[i].domain != null,
                    "an excluding entry has a domain");
            ScopeText.check((word & IN_FORCE) == inForce,
                    "what is in force is the union of the scopes up to there");
            long serial = entries[i].word >>> SERIAL_SHIFT;
            ScopeText.check(entries[i].below == entries[i - 1], "entries stand in order");
            ScopeText.check(serial > previous, "serials rise towards the top");
            previous = serial;
        }
        ScopeText.check((raw & ~rawFlags) == 0, "every recorded raw token is set");
        ScopeText.check(top == entries[depth].word, "the entry on top is known");
        ScopeText.check((top & CLOSED) == 0, "the top entry is open");
    }
}
