/// What the tests of every module share: row marks, recorded kernel behaviour, and the house rules.
@NullMarked
package dev.polder.testkit;

import org.jspecify.annotations.NullMarked;
