package dev.polder.shrink;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What rows F1 and F3–F8 say a pass over one shrinker does, for tests: written from the rows'
/// sentences, on whole numbers without limits, and without a look at the code.
///
/// It can be told to be wrong in one way at a time, to show that the comparison would notice.
final class ShrinkModel {

    /// One mistake each.
    enum Mistake {
        /// Before 5.13: all that was deferred is added, whatever the priority (F4's windup).
        WHOLE_DEFERRED,
        /// The work of a pass is not held below twice the cache (F4).
        NO_CAP,
        /// The factor 4 is missing (F3).
        NO_FACTOR,
        /// Half of a free-to-make cache only when the priority says so (F3).
        SEEKLESS_BY_PRIORITY,
        /// Small caches are never emptied (F5).
        WHOLE_BATCHES_ONLY,
        /// The last call asks for a whole batch (F5).
        ALWAYS_A_BATCH,
        /// What the callback lowered is ignored (F6).
        SCANNED_IGNORED,
        /// STOP ends nothing (F7).
        DEAF_TO_STOP,
        /// STOP forgets what was deferred before (F8).
        STOP_DROPS_DEFERRED,
        /// What is put back is not held below twice the cache (F8).
        DEFERS_TOO_MUCH,
        /// A count of 0 defers, or loses what was deferred (F1).
        ZERO_LOSES_DEFERRED,
        /// All groups share what was deferred (F8).
        ONE_DEFERRED_FOR_ALL
    }

    /// An answer of `scan`: a STOP, or how much of the request was looked at.
    record Answer(boolean stop, long scanned) {
    }

    /// Requests in a row without a frame that end a turn (ADR 0019); here none gives one.
    private static final int VAIN_REQUESTS = 1024;

    private final Set<Mistake> mistakes;
    private final Map<Long, BigInteger> deferred = new HashMap<>();

    ShrinkModel(Mistake... mistakes) {
        this.mistakes = Set.of(mistakes);
    }

    long deferredIn(long group) {
        return deferred.getOrDefault(key(group), BigInteger.ZERO).longValueExact();
    }

    /// One pass for a group: the requests that the callback gets, when the n-th of them is answered
    /// by the n-th of `answers`, which are used over again when they run out.
    List<Long> pass(long group, long counted, int priority, int seeks, long batch,
            List<Answer> answers) {
        List<Long> requests = new ArrayList<>();
        if (counted <= 0) {
            if (wrong(Mistake.ZERO_LOSES_DEFERRED)) {
                deferred.remove(key(group));
            }
            return requests;
        }
        BigInteger freeable = BigInteger.valueOf(counted);
        BigInteger twice = freeable.multiply(BigInteger.TWO);
        BigInteger old = deferred.getOrDefault(key(group), BigInteger.ZERO);
        BigInteger delta = newWork(freeable, priority, seeks);
        BigInteger share = wrong(Mistake.WHOLE_DEFERRED) ? old
                : old.divide(BigInteger.TWO.pow(priority));
        BigInteger total = share.add(delta);
        if (!wrong(Mistake.NO_CAP)) {
            total = total.min(twice);
        }
        BigInteger done = BigInteger.ZERO;
        boolean stopped = false;
        while (due(total, batch, freeable) && requests.size() < VAIN_REQUESTS) {
            BigInteger ask = wrong(Mistake.ALWAYS_A_BATCH) ? BigInteger.valueOf(batch)
                    : total.min(BigInteger.valueOf(batch));
            Answer answer = answers.get(requests.size() % answers.size());
            requests.add(ask.longValueExact());
            if (answer.stop && !wrong(Mistake.DEAF_TO_STOP)) {
                stopped = true;
                break;
            }
            long looked = answer.stop ? ask.longValueExact() : answer.scanned;
            // A callback that leaves 0 would be asked for ever; it is charged what it was asked.
            BigInteger charged = looked == 0 || wrong(Mistake.SCANNED_IGNORED) ? ask
                    : BigInteger.valueOf(looked);
            total = total.subtract(charged);
            done = done.add(charged);
        }
        BigInteger rest = old.add(delta).subtract(done).max(BigInteger.ZERO);
        if (stopped && wrong(Mistake.STOP_DROPS_DEFERRED)) {
            rest = delta;
        }
        if (!wrong(Mistake.DEFERS_TOO_MUCH)) {
            rest = rest.min(twice);
        }
        deferred.put(key(group), rest);
        return requests;
    }

    private BigInteger newWork(BigInteger freeable, int priority, int seeks) {
        BigInteger part = freeable.divide(BigInteger.TWO.pow(priority));
        if (seeks == 0) {
            return (wrong(Mistake.SEEKLESS_BY_PRIORITY) ? part : freeable).divide(BigInteger.TWO);
        }
        long factor = wrong(Mistake.NO_FACTOR) ? 1 : 4;
        return part.multiply(BigInteger.valueOf(factor)).divide(BigInteger.valueOf(seeks));
    }

    private boolean due(BigInteger total, long batch, BigInteger freeable) {
        boolean whole = total.compareTo(BigInteger.valueOf(batch)) >= 0;
        boolean all = total.compareTo(freeable) >= 0 && !wrong(Mistake.WHOLE_BATCHES_ONLY);
        return whole || all;
    }

    private Long key(long group) {
        return wrong(Mistake.ONE_DEFERRED_FOR_ALL) ? 0L : group;
    }

    private boolean wrong(Mistake mistake) {
        return mistakes.contains(mistake);
    }
}
