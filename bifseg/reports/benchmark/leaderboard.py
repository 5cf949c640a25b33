"""The leaderboard: one HTML page over a history, with the rank of every entry now and over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import in_reading_order
from bifseg.cards.entries import entry_name
from bifseg.core.errors import InputError
from bifseg.core.files import write_text
from bifseg.reports.benchmark import journal
from bifseg.reports.benchmark.curves import curves
from bifseg.reports.benchmark.outcomes import WHERE
from bifseg.reports.benchmark.standings import Standing, entries, standings
from bifseg.reports.formats import plain, rank_text, with_limits
from bifseg.reports.html import embed, page

_MOST_FAILURES = 50


@dataclass(frozen=True)
class Column:
    """A column of the standing: the measure, its header, factor and form, and whether its interval is shown."""

    measure: str
    header: str
    factor: float = 1
    form: str = ".2f"
    interval: bool = False

    def text(self, row: dict[Any, Any]) -> str:
        """The cell of a row.

        Args:
            row: of a standing.

        Returns:
            The number, with its interval if the column shows it.
        """
        mean, low, high = (self.factor * row[f"{self.measure}_{kind}"] for kind in ("mean", "low", "high"))
        return with_limits(mean, low, high, self.form) if self.interval else plain(mean, self.form)


_COLUMNS = (
    Column("dice", "Dice (%)", 100, ".1f", interval=True),
    Column("initial", "Initial Dice (%)", 100, ".1f"),
    Column("unsupervised", "Without scribbles (%)", 100, ".1f"),
    Column("assd_mm", "ASSD (mm)"),
    Column("rounds", "Rounds to {goal}", 1, ".1f", interval=True),
    Column("session_s", "Time a session (s)", 1, ".2g"),
    Column("rounds_s", "Time a round (s)", 1, ".2g"),
)
_DRAWN = (
    ("dice", "Dice over time", "Mean final Dice of each run", "Dice (%)", 100, False),
    ("rounds", "Rounds over time", "Mean rounds to {goal} of each run", "rounds", 1, False),
    ("session_s", "Speed over time", "Machine seconds a session of each run", "seconds", 1, True),
)


def write_leaderboard(history: Path, out: Path) -> None:
    """Write the page of a history; the same history gives the same page.

    Args:
        history: history.jsonl.
        out: the HTML file.

    Raises:
        InputError: the history does not exist, is empty, or is damaged.
    """
    records = journal.read(history)
    if not records:
        raise InputError(f"{history}: holds no run yet; run `bifseg history append` after a run")
    write_text(out, page("leaderboard.html.j2", _content(records, standings(records, history))))


def _content(records: list[journal.Record], places: list[Standing]) -> dict[str, Any]:
    cohorts = [_cohort(name, list(group)) for name, group in groupby(places, key=lambda one: one.cohort)]
    runs = _runs(records)
    return {
        "runs": runs,
        "first": runs[-1]["when"][:10],
        "last": runs[0]["when"][:10],
        "entries": sorted({_entry(record) for record in records}),
        "cohorts": cohorts,
        "failures": _failures(records),
        "most_failures": _MOST_FAILURES,
    }


def _cohort(name: str, places: list[Standing]) -> dict[str, Any]:
    newest = places[0].now.iloc[-1]
    return {
        "name": name,
        "simulated": bool(newest["simulated"]),
        "dimension": newest["dimension"],
        "split": newest["split"],
        "data": newest["data"],
        "protocols": [_protocol(standing) for standing in places],
    }


def _protocol(standing: Standing) -> dict[str, Any]:
    columns = [column for column in _COLUMNS if standing.now[f"{column.measure}_mean"].notna().any()]
    columns.sort(key=lambda column: column.measure != standing.by)
    goal = f"{100 * standing.now['goal'].iloc[-1]:g}%"
    runs = standing.past["when"].nunique()
    return {
        "name": standing.protocol,
        "by": f"mean rounds to {goal}, fewest first" if standing.by == "rounds" else "mean final Dice",
        "columns": [column.header.format(goal=goal) for column in columns],
        "groups": [
            {
                "structure": structure,
                "seen": seen,
                "rows": [
                    _row(row, columns) | {"front": front}
                    for row, front in zip(rows, _front([row["group"] for row in rows]), strict=True)
                ],
            }
            for (structure, seen), rows in _by_structure(standing.now)
        ],
        "figures": [
            {
                "title": title,
                "about": about.format(goal=goal),
                "source": embed(curves(standing.past, name, scale, factor, log), "svg+xml"),
            }
            for name, title, about, scale, factor, log in _DRAWN
            if runs > 1 and standing.past[f"{name}_mean"].notna().any()
        ],
        "apart": standing.apart,
        "older": standing.older,
    }


def _by_structure(now: pd.DataFrame) -> list[tuple[tuple[str, bool], list[dict[Any, Any]]]]:
    """The rows of every structure, seen ones first; best first, those without a rank last."""
    rows = in_reading_order(now).to_dict("records")
    return [
        (key, sorted(group, key=lambda row: (np.isnan(row["rank"]), row["rank"])))
        for key, group in groupby(rows, key=lambda row: (row["structure"], bool(row["seen"])))
    ]


def _front(letters: list[str]) -> list[bool]:
    """Which entries, best first, do not differ significantly from the first; none if no entry does."""
    tied = [bool(set(group) & set(letters[0])) for group in letters]
    return [one and not all(tied) for one in tied]


def _row(row: dict[Any, Any], columns: Iterable[Column]) -> dict[str, Any]:
    return {
        "rank": rank_text(row),
        "entry": _entry(row),
        "cells": [column.text(row) for column in columns],
        "failed": row["failed"],
        "n": row["n"],
        "when": row["when"][:10],
        "commit": (row["commit"] or "")[:7],
    }


def _entry(row: dict[Any, Any]) -> str:
    return entry_name(row["method"], row["network"])


def _runs(records: list[journal.Record]) -> list[dict[str, Any]]:
    """The runs, newest first."""
    keys = ("when", "run", "commit", "bifseg", "machine", "seed")
    runs: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        key = tuple(record[name] for name in keys)
        run = runs.setdefault(key, dict(zip(keys, key, strict=True)) | {"entries": 0, "n": 0, "failed": 0})
        run["entries"] += 1
        for name in ("n", "failed"):
            run[name] += sum(result[name] for result in record["results"])
    return sorted(runs.values(), key=lambda run: run["when"], reverse=True)


def _failures(records: list[journal.Record]) -> list[dict[str, Any]]:
    """Every entry, run and structure with failed sessions, newest first."""
    frame = entries(records)
    rows = frame[frame["failed"] > 0].iloc[::-1].to_dict("records")
    keep = ("run", "n", "failed", "error", *WHERE)
    return [
        {key: row[key] for key in keep} | {"entry": _entry(row), "when": row["when"][:10]} for row in rows
    ]
