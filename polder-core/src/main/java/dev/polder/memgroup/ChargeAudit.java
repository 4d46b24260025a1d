package dev.polder.memgroup;

import dev.polder.base.Check;
import java.util.IdentityHashMap;

/// Compares what each group of a tree is charged with what is recorded to be charged to it, run by
/// run and object by object. For `verify()`: exact only while nobody takes or gives.
///
/// Notes
///
/// charged = runs + objects' frames + sum of the children's charged, for every group; the objects'
/// frames hold the recorded objects, byte for byte. A payer that the tree does not reach is one
/// that reclaim would not find either.
public final class ChargeAudit {
    private static final class Recorded {
        long runs;
        long objects;
    }

    private final IdentityHashMap<MemGroup, Recorded> recorded = new IdentityHashMap<>();

    /// An audit to which nothing was shown yet.
    public ChargeAudit() {}

    /// A run of `bytes` is recorded as charged to `payer`.
    public void run(MemGroup payer, long bytes) {
        of(payer).runs += bytes;
    }

    /// An object of `bytes` is recorded as charged to `payer`.
    public void object(MemGroup payer, long bytes) {
        of(payer).objects += bytes;
    }

    private Recorded of(MemGroup payer) {
        return recorded.computeIfAbsent(payer, _ -> new Recorded());
    }

    /// Compares, after everything recorded was shown.
    ///
    /// @throws IllegalStateException naming the first group that does not agree
    public void verify(MemGroup root) {
        verifyTree(root);
        for (MemGroup lost : recorded.keySet()) {
            throw Check.broken("group " + lost + " pays for memory and is not in its tree");
        }
    }

    private void verifyTree(MemGroup g) {
        long below = 0;
        for (MemGroup child : g.children()) {
            below += child.charged();
            verifyTree(child);
        }
        Recorded r = of(g);
        recorded.remove(g);
        compare(g, "bytes of objects", g.objectBytes(), r.objects);
        compare(g, "bytes", g.charged(), r.runs + g.objectFrames() + below);
    }

    private static void compare(MemGroup g, String what, long charged, long found) {
        if (charged != found) {
            throw Check.broken("group " + g.path() + " is charged " + charged + " " + what
                    + ", and the records have " + found);
        }
    }
}
