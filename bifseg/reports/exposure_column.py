"""The column `exposure` of tables of entries."""

from __future__ import annotations

from dataclasses import replace

from bifseg.analysis.names import GROUP
from bifseg.analysis.run_scores import CohortScores
from bifseg.reports.formats import Table


def with_exposure(table: Table, cohort: CohortScores) -> Table:
    """A table of entries with what their models saw of the structure's objects in training.

    Args:
        table: of the cohort.
        cohort: its scores.

    Returns:
        The table with a column `exposure`; a table of tests or of other rows than entries as it is.
    """
    if not set(GROUP) <= set(table.frame) or "measure" in table.frame:
        return table
    return replace(table, frame=table.frame.merge(cohort.exposures, on=GROUP, how="left"))
