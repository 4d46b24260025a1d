/// The page allocator: charge, fast path, slow path and the end of the road. Policy: this is where
/// a mask decides what may be done for a request.
@NullMarked
package dev.polder.page;

import org.jspecify.annotations.NullMarked;
