/// Reclaim policy: direct reclaim, background reclaim between the watermarks, and who has to wait.
@NullMarked
package dev.polder.reclaim;

import org.jspecify.annotations.NullMarked;
