package dev.polder;

import dev.polder.base.Counted;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.slab.Kmalloc;
import dev.polder.slab.SlabCacheStats;

/// A failed request as text: who asked, what was tried, how the pool stands, who holds it, what
/// reclaim could not have, what to do. A part a line, so that a person finds it again; made when it
/// is read.
final class ShortageText {
    private static final int MAX_SHRINKERS = 8;
    private static final int LABEL = 13;

    private final Shortage s;
    private final StringBuilder out = new StringBuilder(2048);

    private ShortageText(Shortage s) {
        this.s = s;
    }

    static String of(Shortage s) {
        ShortageText text = new ShortageText(s);
        text.request();
        text.pool();
        text.holders();
        text.shrinkers();
        text.line("what to do", text.advice());
        return text.out.toString();
    }

    private void line(String label, String text) {
        out.append("  ").append(label).append(" ".repeat(LABEL - label.length())).append(text)
                .append('\n');
    }

    private void request() {
        out.append("pool '").append(s.info().name()).append("' has no memory for ")
                .append(s.size()).append(" bytes").append(order())
                .append(" with ").append(Gfp.toString(s.gfp())).append('\n');
        line("asked by", s.asker() + ", for group " + s.group());
        line("mask in use", Gfp.toString(s.used()) + "; " + s.scopes());
        line("tried", s.tried());
        if (s.refused() != null) {
            line("limit", s.refused());
        }
    }

    /// No run is larger than the largest order.
    private String order() {
        int order = s.size() > Kmalloc.MAX_SIZE ? -1 : Frames.orderFor(s.size());
        return order < 0 ? "" : " (order " + order + ")";
    }

    private void pool() {
        MemInfo i = s.info();
        line("pool", "budget " + mib(i.budget()) + ", committed " + mib(i.committed())
                + ", mode " + i.mode());
        line("free", mib(i.free()) + " for anybody, " + mib(i.listed()) + " near threads; marks: "
                + "min " + mib(i.min()) + ", low " + mib(i.low()) + ", high " + mib(i.high()));
        StringBuilder blocks = new StringBuilder();
        for (int k = 0; k < s.freeBlocks().size(); k++) {
            blocks.append(k == 0 ? "" : " ").append(s.freeBlocks().get(k)).append('×')
                    .append(4L << k);
        }
        line("free blocks", blocks.append(" KiB").toString());
        if (s.lacksMappings()) {
            line("mappings", "no mapping left: " + i.mappingsUsed() + " of " + i.mappingsLimit()
                    + " are used, and as the free blocks lie this needs " + s.mappingsNeeded());
        } else {
            line("mappings", i.mappingsUsed() + " of " + i.mappingsLimit() + " are used");
        }
        line("kswapd", s.kswapd());
        line("so far", s.history());
    }

    private void holders() {
        MemInfo i = s.info();
        line("held by", "object caches " + mib(i.slab()) + ", vmalloc areas " + mib(i.vmalloc())
                + ", runs and large objects " + mib(s.runs()));
        line("", "freed but kept: slabs " + mib(i.slabReclaimable()) + ", areas "
                + mib(i.vmallocLazy()) + "; page tables " + mib(i.pageTables()));
        for (SlabCacheStats c : s.caches()) {
            item("cache " + c.name() + "  " + mib(Frames.bytes(c.frames())) + ", "
                    + Counted.of(c.activeObjects(), "object") + " of "
                    + c.objectSize() + " bytes in use");
        }
        s.objects().forEach(this::item);
        s.groups().forEach(g -> item("group " + g));
    }

    private void item(String text) {
        out.append("    ").append(text).append('\n');
    }

    private void shrinkers() {
        line("shrinkers", s.reclaim().shrinkers() + " registered, holding about "
                + mib(s.reclaim().heldBytes()) + ", of which " + mib(s.reclaim().skippedBytes())
                + " were out of reach");
        s.reclaim().skipped().stream().limit(MAX_SHRINKERS).forEach(h -> item(h.toString()));
        s.reclaim().others().stream().limit(MAX_SHRINKERS).forEach(h -> item(h.toString()));
    }

    private String advice() {
        if (s.refused() != null) {
            return "raise the group's limit, or free what the group holds";
        }
        if (s.size() > s.info().budget()) {
            return "the request is larger than the budget; raise PolderConfig.budget";
        }
        if (s.lacksMappings()) {
            return "free areas of many pieces; ask for pieces of at most 4 MiB, which need no"
                    + " mapping where they are contiguous; or raise vm.max_map_count, of which"
                    + " Polder takes a quarter";
        }
        GroupInfo stubborn = s.stubborn();
        if (stubborn != null) {
            return "group " + stubborn.path() + " was failed to make way and keeps "
                    + mib(stubborn.charged()) + ": its owner must free that when it is told"
                    + " (whenFailed), then call reset()";
        }
        if (!Gfp.allowsBlocking(s.used())) {
            return "the mask may not block, so nothing was reclaimed: allocate ahead, use a "
                    + "MemPool, or allocateAsync";
        }
        if (s.reclaim().skippedBytes() >= s.size()) {
            return "the scope keeps reclaim out of memory that would do: end it earlier, or exclude"
                    + " only the domain whose lock is held";
        }
        if (s.reclaim().heldBytes() < s.size()) {
            return "nobody can give that much back: raise the budget, or register a shrinker for "
                    + "what holds the memory" + most() + (s.reclaim().estimated()
                            ? "; what shrinkers hold is an estimate as long as they do not say"
                            + " their objectBytes" : "");
        }
        return "let the request wait longer (allocationDeadline), or raise the budget";
    }

    /// The cache that holds the better part of what is used, if one does.
    private String most() {
        if (s.caches().isEmpty()) {
            return "";
        }
        SlabCacheStats most = s.caches().getFirst();
        long bytes = Frames.bytes(most.frames());
        return bytes < s.info().used() / 2 ? ""
                : ", above all cache " + most.name() + " with " + mib(bytes);
    }

    /// In MiB with one digit, or below one in whole KiB.
    static String mib(long bytes) {
        return bytes < 1 << 20 ? (bytes >> 10) + " KiB"
                : (bytes >> 20) + "." + (((bytes & 0xfffff) * 10) >> 20) + " MiB";
    }
}
