/// What a run's figures mean and how they are shown: the table, the comparison, the JSON file and
/// the page with plots. Knows nothing of how they were measured.
@NullMarked
package dev.polder.cli.report;

import org.jspecify.annotations.NullMarked;
