/// Layer 0: constants of the frame and the always-on checks. Imports nothing of Polder.
@NullMarked
package dev.polder.base;

import org.jspecify.annotations.NullMarked;
