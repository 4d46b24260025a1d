/// A small crash-safe ordered key-value store that lives in a pool of Polder: the consumer that
/// shows what the memory manager is for.
///
/// [Store] is the way in; [StoreConfig] says how it keeps reclaim out of what it holds; [WaitGraph]
/// tells who waits for whom. The packages below it are the store's own.
@NullMarked
package dev.polder.store;

import org.jspecify.annotations.NullMarked;
