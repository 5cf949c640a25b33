"""The columns of the leaderboard and of its entries' pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from bifseg.analysis.names import TOOLS
from bifseg.cards.entries import entry_name
from bifseg.reports.formats import with_limits


@dataclass(frozen=True)
class Column:
    """A column of the standing: the measure, its header, factor and form; shares of 1 are better if higher."""

    measure: str
    header: str
    factor: float = 1
    form: str = ".2f"

    def best(self, rows: Sequence[dict[Any, Any]]) -> float:
        """The best mean of several rows.

        Args:
            rows: of a standing.

        Returns:
            The mean; NaN if all are equal or unknown.
        """
        means = {row[f"{self.measure}_mean"] for row in rows if not isnan(row[f"{self.measure}_mean"])}
        pick = max if self.factor == 100 else min
        return float(pick(means)) if len(means) > 1 else nan

    def text(self, row: dict[Any, Any]) -> str:
        """The cell of a row.

        Args:
            row: of a standing.

        Returns:
            The number with its interval.
        """
        mean, low, high = (self.factor * row[f"{self.measure}_{kind}"] for kind in ("mean", "low", "high"))
        return with_limits(mean, low, high, self.form)


COLUMNS = (
    Column("dice", "Dice (%)", 100, ".1f"),
    Column("initial", "Initial Dice (%)", 100, ".1f"),
    Column("unsupervised", "Without scribbles (%)", 100, ".1f"),
    Column("assd_mm", "ASSD (mm)"),
    Column("prompts", "Prompts to {goal}", 1, ".1f"),
    Column("rounds", "Rounds to {goal}", 1, ".1f"),
    Column("session_s", "Time a session (s)", 1, ".2g"),
    Column("rounds_s", "Time a round (s)", 1, ".2g"),
)


def exposure_of(row: dict[Any, Any]) -> str:
    """What the entry's models have seen of the objects.

    Args:
        row: of a standing.

    Returns:
        As in the scores; of an older record, which has none, what follows from its method and structure.
    """
    if row["exposure"]:
        return str(row["exposure"])
    if row["method"] in TOOLS:
        return "unseen"
    if row["network"]:
        return "seen structure" if row["seen"] else "unseen"
    return "unknown"


def run_of(row: dict[Any, Any]) -> tuple[str, str]:
    """Failed sessions, and the run.

    Args:
        row: of a standing.

    Returns:
        `FAILED of N`, and the run's day with, in brackets, which pages show below it, its commit.
    """
    commit = f" [{row['commit'][:7]}]" if row["commit"] else ""
    return f"{row['failed']} of {row['n']}", f"{row['when'][:10]}{commit}"


def entry_of(row: Mapping[Any, Any]) -> str:
    """The name of a row's entry.

    Args:
        row: of a standing, or a record.

    Returns:
        METHOD@NETWORK, or METHOD without a network.
    """
    return entry_name(row["method"], row["network"])
