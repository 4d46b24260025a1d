package dev.polder.model;

import dev.polder.gfp.Gfp;
import java.util.Set;

/// What ADR 0008 and row G5 say of charges: who pays, what is done when a limit refuses, and who is
/// slowed above `high`.
final class ModelCharges {
    private static final int COSTLY = 3;
    private static final int RETRIES = 16;
    /// `MEMCG_DELAY_PRECISION_SHIFT`, `MEMCG_DELAY_SCALING_SHIFT`, HZ, and the kernel's bounds: the
    /// sleep of one who charged a group above its `high`.
    private static final int PRECISION = 20;
    private static final int SCALING = 14;
    private static final long HZ = 250;
    private static final long CHARGE_BATCH = 64;
    private static final long MOST_OVER = 16L << PRECISION;
    /// Bytes of a frame.
    private static final long FRAME = 4096;

    private final ModelGroups groups;
    private final ModelScopes scopes;
    private final ModelReclaim reclaim;
    private final ModelTime time;
    private final Set<Mistake> mistakes;

    ModelCharges(ModelGroups groups, ModelScopes scopes, ModelReclaim reclaim, ModelTime time,
            Set<Mistake> mistakes) {
        this.groups = groups;
        this.scopes = scopes;
        this.reclaim = reclaim;
        this.time = time;
        this.mistakes = mistakes;
    }

    private static boolean direct(int mask) {
        return Gfp.has(mask, Gfp.DIRECT_RECLAIM);
    }

    /// Charges an object: from the spare bytes of the frames that its group pays for already, else
    /// with the frames that it would need alone.
    boolean chargeObject(int payer, long bytes, int mask) {
        if (mistakes.contains(Mistake.OBJECT_PAYS_WHOLE_FRAMES)) {
            return charge(payer, orderOf(bytes), mask);
        }
        if (!groups.failed(payer) && groups.takeSpare(payer, bytes)) {
            return true;
        }
        if (!charge(payer, orderOf(bytes), mask)) {
            return false;
        }
        groups.addObject(payer, bytes, 1L << orderOf(bytes));
        return true;
    }

    /// Takes the charge of an object back.
    void uncharge(int payer, long bytes) {
        if (mistakes.contains(Mistake.OBJECT_PAYS_WHOLE_FRAMES)) {
            groups.charge(payer, -(1L << orderOf(bytes)));
        } else {
            groups.dropObject(payer, bytes);
        }
    }

    private static int orderOf(long bytes) {
        return bytes > FRAME ? 1 : 0;
    }

    /// Charges a run of `order`; false, and nothing charged, if a limit refuses.
    boolean charge(int payer, int order, int mask) {
        int refuser = groups.tryCharge(payer, 1L << order);
        if (refuser >= 0 && !chargeAgainst(payer, refuser, order, mask)) {
            return false;
        }
        for (int g = payer; g >= 0; g = groups.parent(g)) {
            if (groups.charged(g) > groups.high(g)
                    && (maySlow(mask) || !mistakes.contains(Mistake.HIGH_OWED_BY_BLOCKERS_ONLY))) {
                groups.owe(g, 1L << order);
            }
        }
        payForHigh(payer, mask);
        return true;
    }

    /// Brings down what is owed above `high`, also by those who may not block, if this one may.
    void payForHigh(int payer, int mask) {
        for (int g = payer; g >= 0 && maySlow(mask); g = groups.parent(g)) {
            if (groups.charged(g) > groups.high(g)) {
                bringDown(g, groups.due(g), mask);
            }
        }
    }

    private boolean maySlow(int mask) {
        return !scopes.noreclaim()
                && (direct(mask) || mistakes.contains(Mistake.HIGH_WITHOUT_DIRECT_RECLAIMS));
    }

    /// G5: who may exceed a limit that reclaim could not keep.
    private boolean chargeAgainst(int payer, int first, int order, int mask) {
        int refuser = first;
        boolean inReclaim = scopes.noreclaim();
        if (!inReclaim && direct(mask) && !groups.failed(first)
                && !mistakes.contains(Mistake.LIMIT_WITHOUT_RECLAIM)) {
            refuser = reclaimAndCharge(payer, first, order, mask);
        }
        if (refuser < 0) {
            return true;
        }
        boolean high = Gfp.has(mask, Gfp.HIGH) && !mistakes.contains(Mistake.HIGH_BIT_KEEPS_TO_MAX)
                && (!groups.failed(refuser)
                || mistakes.contains(Mistake.HIGH_BIT_PAYS_THOUGH_FAILED));
        boolean nofail = Gfp.has(mask, Gfp.NOFAIL)
                && !mistakes.contains(Mistake.NOFAIL_KEEPS_TO_MAX);
        if ((inReclaim && !mistakes.contains(Mistake.RECLAIM_KEEPS_TO_MAX)) || nofail || high) {
            groups.charge(payer, 1L << order);
            return true;
        }
        return false;
    }

    /// -1 if charged, else the group that refused last.
    private int reclaimAndCharge(int payer, int first, int order, int mask) {
        int refuser = first;
        int fruitless = 0;
        while (true) {
            long freed = reclaim.direct(mask, refuser);
            refuser = groups.tryCharge(payer, 1L << order);
            fruitless = freed > 0 && order <= COSTLY ? 0 : fruitless + 1;
            if (refuser < 0 || groups.failed(refuser) || Gfp.has(mask, Gfp.NORETRY)) {
                return refuser;
            }
            if (fruitless > RETRIES) {
                if (Gfp.has(mask, Gfp.RETRY_MAYFAIL) || order > COSTLY
                        || mistakes.contains(Mistake.NOT_FAILED_FOR_A_LIMIT)
                        || !groups.makeWay(refuser, payer, time.ticks())) {
                    return refuser;
                }
                time.park(1);
            }
        }
    }

    /// Above `high`: reclaim inside, and a sleep if that does not help and nobody waits for us.
    private void bringDown(int group, long owed, int mask) {
        boolean progress = owed > 0;
        for (int i = 0; i < RETRIES && progress && groups.charged(group) > groups.high(group);
                i++) {
            progress = reclaim.direct(mask, group) > 0;
        }
        long high = groups.high(group);
        long over = groups.charged(group) - high;
        if (owed > 0 && over > 0 && Gfp.has(mask, Gfp.FS | Gfp.IO) && !scopes.excludesAny()) {
            long part = high == 0 ? MOST_OVER : Math.min((over << PRECISION) / high, MOST_OVER);
            long sleep = ((((part * part) >> PRECISION) * HZ) >> SCALING) * owed / CHARGE_BATCH;
            if (sleep > HZ / 100) {
                time.park(Math.min(sleep, 2 * HZ));
            }
        }
    }
}
