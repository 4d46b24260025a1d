/// Tests of reclaim policy, over a made-up zone and on virtual time.
@NullMarked
package dev.polder.reclaim;

import org.jspecify.annotations.NullMarked;
