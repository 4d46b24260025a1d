package dev.polder.page;

/// What a page request is for. A [PageRequestListener] sees it; it changes nothing.
public enum Role {
    /// A caller's own `alloc_pages`.
    DIRECT("direct"),
    /// A slab of an object cache.
    SLAB("slab"),
    /// A kmalloc above the largest size class.
    KMALLOC_LARGE("kmalloc-large"),
    /// Data frames of a vmalloc area.
    VMALLOC_DATA("vmalloc-data"),
    /// A node of vmalloc's page table.
    PGTABLE("pgtable");

    private final String label;

    Role(String label) {
        this.label = label;
    }

    /// Whether the run is charged whole. A slab's is not: its objects are, each to its own group.
    /// Nor is a node of the page table, which serves every area near it and outlives them; the
    /// kernel does not account its own tables either.
    public boolean isCharged() {
        return this != SLAB && this != PGTABLE;
    }

    /// The role's name as people and recordings write it: `kmalloc-large`.
    public String label() {
        return label;
    }
}
