package dev.polder.slab;

/// Figures of one cache, a line of `slabinfo`.
///
/// @param name the cache's name
/// @param objectSize bytes in an object
/// @param activeObjects objects in use
/// @param objects objects that the cache's slabs hold, in use or not
/// @param cachedObjects free objects in sheaves
/// @param slabs number of slabs
/// @param emptySlabs those without an object in use or in a sheaf
/// @param frames frames of all slabs
public record SlabCacheStats(String name, int objectSize, long activeObjects, long objects,
        long cachedObjects, int slabs, int emptySlabs, long frames) {
}
