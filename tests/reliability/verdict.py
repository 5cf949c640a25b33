"""What harm has done: the rows of a run that was disturbed beside those of one that was not."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bifseg.analysis.scores import COLUMNS

Row = tuple[str, str, str, str]
"""Scenario, how it was done, what was seen, what a user does."""

COSTS = [name for name in COLUMNS if name.startswith("peak_") or (name.endswith("_s") and name != "user_s")]
COSTS.append("commit")  # a checkout may move on meanwhile
SESSION = ["method", "network", "object", "replicate"]
KEY = [*SESSION, "step"]


@dataclass(frozen=True)
class Verdict:
    """How rows differ from those that they should be.

    Attributes:
        rows: how many there should be.
        missing, twice, other: rows that are not there, there more than once, or differ in more than times.
        columns: in which they differ.
        kept, finished: sessions that were finished before the harm, and those of them that were not played again.
    """

    rows: int
    missing: int
    twice: int
    other: int
    kept: int = 0
    finished: int = 0
    columns: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing was lost."""
        return not (self.missing or self.twice or self.other or self.kept < self.finished)

    def __str__(self) -> str:
        text = f"{self.rows} rows: {self.missing} missing, {self.twice} twice, {self.other} different"
        text += f" ({', '.join(self.columns)})" if self.columns else ""
        return text + (f"; {self.kept} of {self.finished} finished sessions kept" if self.finished else "")


def compare(found: pd.DataFrame, calm: pd.DataFrame, before: pd.DataFrame | None = None) -> Verdict:
    """The verdict on the rows of a run.

    Args:
        found: what came out.
        calm: the rows of a run that nobody disturbed.
        before: rows that were there before the harm; their sessions were finished, and are known by their times.
    """
    twice = int(found.duplicated(KEY).sum())
    once = found.drop_duplicates(KEY).set_index(KEY).drop(columns=COSTS)
    expected = calm.set_index(KEY).drop(columns=COSTS)
    common = expected.index.intersection(once.index)
    same = (once.loc[common] == expected.loc[common]) | (
        once.loc[common].isna() & expected.loc[common].isna()
    )
    different = int((~same.all(axis=1)).sum()) + len(once.index.difference(expected.index))
    kept, finished = _kept(found, before) if before is not None else (0, 0)
    columns = tuple(same.columns[~same.all()])
    return Verdict(len(expected), len(expected) - len(common), twice, different, kept, finished, columns)


def _kept(found: pd.DataFrame, before: pd.DataFrame) -> tuple[int, int]:
    now, then = (rows.groupby(SESSION)[["robot_s", "machine_s"]].max() for rows in (found, before))
    both = then.index.intersection(now.index)
    return int((now.loc[both] == then.loc[both]).all(axis=1).sum()), len(then)
