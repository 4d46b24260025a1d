package dev.polder.vmalloc;

import dev.polder.gfp.Gfp;
import dev.polder.os.MappingBudget;

/// One request for an area that has to be made, and what the last try to make it lacked. Belongs to
/// the thread that asks.
final class AreaRequest {
    /// What a try can lack, and what a NOFAIL request then waits for.
    enum Lack {
        FRAMES("frames"),
        ADDRESSES("addresses in vmalloc space, until areas are freed"),
        MAPPINGS("mappings, until areas are freed"),
        PAGE_TABLE("a frame for its page table"),
        SYSTEM_CALL("the system, which refused to map");

        private final String words;

        Lack(String words) {
            this.words = words;
        }
    }

    /// Bytes asked for.
    final long size;
    /// Frames, the guard not counted.
    final long pages;
    final int gfp;
    /// Whether to wait for what is lacking: page tables, mappings, addresses. Frames wait by their
    /// own mask.
    final boolean nofail;
    /// What the last try lacked.
    Lack lack = Lack.FRAMES;
    /// Mappings that it needed, as the frames lay that it got; 0 if it did not get that far.
    int mappings;

    AreaRequest(long size, long pages, int gfp, boolean nofail) {
        this.size = size;
        this.pages = pages;
        this.gfp = gfp;
        this.nofail = nofail;
    }

    /// Whom or what it waits for, for people.
    String describe(MappingBudget budget) {
        StringBuilder out = new StringBuilder(128).append("vmalloc of ").append(size)
                .append(" bytes with ").append(Gfp.toString(gfp)).append(" waits for ")
                .append(lack.words);
        if (lack == Lack.MAPPINGS) {
            out.append(": it needs ").append(mappings).append(" as the free frames lie, and ")
                    .append(budget).append(" are in use");
        }
        return out.toString();
    }
}
