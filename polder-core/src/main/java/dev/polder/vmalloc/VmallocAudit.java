package dev.polder.vmalloc;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.os.Mapping;
import dev.polder.page.PageAllocator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Compares the page table with everything else that knows of areas: the frame table's owners, the
/// areas' own figures, the free address space, the mappings of the process. One object for one
/// audit.
///
/// The page table is shown in ascending order; the areas it shows must be whole, lie apart by a
/// guard and, with the free ranges, fill the space.
final class VmallocAudit {
    private record Piece(long address, long frame, long pages) {}

    private final PageAllocator pages;
    private final AddressSpace space;
    private final long spaceStart;

    private final BitSet framesSeen = new BitSet();
    private final List<Piece> pieces = new ArrayList<>();
    /// True once an area was seen whose unmapping was refused: it is mapped in part.
    private boolean mappedInPart;

    // The area that is being shown, and how far it was.
    private @Nullable VmArea area;
    private long nextAddress;
    private long nextFrame;
    private long runLeft;
    private int piecesOfArea;

    // Sums over the areas that were shown whole.
    private long livePages;
    private long lazyPages;
    private long takenPages;
    private int mappings;

    VmallocAudit(PageAllocator pages, AddressSpace space, long spaceStart) {
        this.pages = pages;
        this.space = space;
        this.spaceStart = spaceStart;
    }

    /// Takes one data entry of the page table.
    void entry(long address, long frame) {
        if (!(pages.frames().owner(frame) instanceof VmArea owner)) {
            throw Check.broken("the page table maps frame " + frame + " at " + Check.hex(address)
                    + ", which belongs to no area");
        }
        if (framesSeen.get((int) frame)) {
            throw Check.broken("the page table maps frame " + frame + " twice, at "
                    + Check.hex(address) + " too");
        }
        framesSeen.set((int) frame);
        if (owner != area) {
            endArea();
            Check.that(address == owner.start && address >= nextAddress,
                    "an area's first frame is not mapped, or another's guard is");
            area = owner;
            nextAddress = address;
            runLeft = 0;
            piecesOfArea = 0;
        }
        if (address != nextAddress || address >= owner.end()) {
            throw Check.broken("a frame of the " + owner + " is mapped at " + Check.hex(address)
                    + ", outside it or behind a gap");
        }
        if (runLeft == 0) {
            beginRun(owner, frame);
        } else if (frame != nextFrame) {
            throw Check.broken("a run of the " + owner + " is broken at " + Check.hex(address));
        }
        addToPiece(address, frame);
        runLeft--;
        nextFrame = frame + 1;
        nextAddress = address + Frames.SIZE;
    }

    private void beginRun(VmArea owner, long frame) {
        if (!pages.frames().isHead(frame)) {
            throw Check.broken("frame " + frame + " of the " + owner + " is "
                    + pages.frames().describe(frame) + ", expected the first of a run");
        }
        runLeft = 1L << pages.frames().order(frame);
    }

    private void addToPiece(long address, long frame) {
        if (piecesOfArea > 0 && frame == nextFrame) {
            Piece last = pieces.removeLast();
            pieces.add(new Piece(last.address, last.frame, last.pages + 1));
        } else {
            pieces.add(new Piece(address, frame, 1));
            piecesOfArea++;
        }
    }

    private void endArea() {
        VmArea a = area;
        if (a == null) {
            return;
        }
        if (nextAddress != a.end() || runLeft != 0) {
            throw Check.broken("the " + a + " is mapped only up to " + Check.hex(nextAddress));
        }
        if (a.reusable && a.mappings != piecesOfArea + 1) {
            throw Check.broken("the " + a + " has " + piecesOfArea + " pieces and pays for "
                    + a.mappings + " mappings");
        }
        long withGuard = a.pages + AreaMaker.GUARD_PAGES;
        if (!space.isTaken((a.start - spaceStart) >> Frames.SHIFT, withGuard)) {
            throw Check.broken("the addresses of the " + a + " are also free");
        }
        switch (a.state()) {
            case LIVE -> livePages += a.pages;
            case LAZY -> lazyPages += a.pages;
            default -> throw Check.broken("the " + a + " is " + a.state()
                    + "; verify only while nobody takes or gives");
        }
        mappedInPart |= !a.reusable;
        takenPages += withGuard;
        mappings += a.mappings;
        nextAddress = a.end() + Frames.bytes(AreaMaker.GUARD_PAGES);
        area = null;
    }

    /// Ends the walk and compares the sums.
    ///
    /// @param live frames in areas in use
    /// @param lazy frames in areas kept for re-use
    /// @param spacePages size of the address space
    /// @param reserved mappings paid for
    void finish(long live, long lazy, long spacePages, int reserved) {
        endArea();
        same("frames in areas in use", live, livePages);
        same("frames in lazily freed areas", lazy, lazyPages);
        same("addresses taken", spacePages - space.freePages(), takenPages);
        same("mappings paid for", reserved, mappings);
        for (int frame = 0; frame < pages.frames().size(); frame++) {
            if (pages.frames().owner(frame) instanceof VmArea a && !framesSeen.get(frame)) {
                throw Check.broken("frame " + frame + " belongs to the " + a
                        + ", but the page table does not map it");
            }
        }
    }

    private static void same(String what, long counted, long found) {
        if (counted != found) {
            throw Check.broken(what + ": " + counted + " counted, " + found + " found");
        }
    }

    /// Compares the pieces with what the operating system has mapped.
    ///
    /// @param base where the linear map starts: the mapping there tells the file
    void compareWithProcess(long base, long spaceEnd) {
        if (mappedInPart || !Mapping.listed()) {
            return;
        }
        TreeMap<Long, Mapping> mapped = new TreeMap<>();
        long mappedBytes = 0;
        try {
            String file = Mapping.within(base, base + 1).getFirst().file();
            for (Mapping m : Mapping.within(spaceStart, spaceEnd)) {
                if (m.file().equals(file)) {
                    mapped.put(m.from(), m);
                    mappedBytes += m.to() - m.from();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        long bytes = 0;
        for (Piece p : pieces) {
            Map.Entry<Long, Mapping> at = mapped.floorEntry(p.address);
            Mapping m = at == null ? null : at.getValue();
            long end = p.address + Frames.bytes(p.pages);
            if (m == null || end > m.to()
                    || m.offset() + p.address - m.from() != Frames.bytes(p.frame)) {
                throw Check.broken("the page table has " + p.pages + " frames from " + p.frame
                        + " at " + Check.hex(p.address) + ", the process has " + m);
            }
            bytes += Frames.bytes(p.pages);
        }
        same("bytes mapped in vmalloc space", bytes, mappedBytes);
    }
}
