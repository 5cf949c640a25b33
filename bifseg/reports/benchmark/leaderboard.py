"""The leaderboard: an HTML page over a history with the rank of every entry, and a page for each entry."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import in_reading_order, saw_patients
from bifseg.core.errors import InputError
from bifseg.core.files import write_text
from bifseg.reports.benchmark import journal
from bifseg.reports.benchmark.columns import COLUMNS, Column, entry_of, exposure_of, run_of
from bifseg.reports.benchmark.curves import curves
from bifseg.reports.benchmark.entry_pages import entry_link, write_entry_pages
from bifseg.reports.benchmark.history import read_history
from bifseg.reports.benchmark.outcomes import WHERE
from bifseg.reports.benchmark.standings import Standing, entries, standings
from bifseg.reports.caption_notes import other_objects
from bifseg.reports.formats import plain
from bifseg.reports.html import embed, page
from bifseg.reports.shown_table import Group, Row, ShownTable, with_files

_MOST_FAILURES = 50


_DRAWN = (
    ("dice", "Dice over time", "Mean final Dice of each run", "Dice (%)", 100, False),
    ("rounds", "Rounds over time", "Mean rounds to {goal} of each run", "rounds", 1, False),
    ("session_s", "Speed over time", "Machine seconds a session of each run", "seconds", 1, True),
)


def write_leaderboard(history: Path, out: Path) -> None:
    """Write the page of a history and, in the folder OUT-entries beside it, one for each entry.

    The same history gives the same pages.

    Args:
        history: history.jsonl.
        out: the HTML file.

    Raises:
        InputError: OUT does not end in .html, or the history does not exist, is empty, or is damaged.
    """
    if out.suffix not in (".html", ".htm"):
        raise InputError(f"--out {out}: is a page in HTML; write to a file that ends in .html")
    records = read_history(history)
    if not records:
        raise InputError(f"{history}: holds no run yet; run `bifseg history append` after a run")
    places, folder = standings(records, history), f"{out.stem}-entries"
    write_text(out, page("leaderboard.html.j2", _content(records, places, folder)))
    write_entry_pages(records, places, out, out.with_name(folder))


def _content(records: list[journal.Record], places: list[Standing], folder: str) -> dict[str, Any]:
    cohorts = [
        _cohort(name, list(group), folder) for name, group in groupby(places, key=lambda one: one.cohort)
    ]
    runs = _runs(records)
    return {
        "runs": runs,
        "first": runs[-1]["when"][:10],
        "last": runs[0]["when"][:10],
        "entries": [(name, entry_link(folder, name)) for name in sorted({entry_of(one) for one in records})],
        "cohorts": cohorts,
        "failures": _failures(records),
        "most_failures": _MOST_FAILURES,
    }


def _cohort(name: str, places: list[Standing], folder: str) -> dict[str, Any]:
    newest = max((place.now.iloc[-1] for place in places), key=lambda row: str(row["when"]))
    return {
        "name": name,
        "simulated": bool(newest["simulated"]),
        "dimension": newest["dimension"],
        "protocols": [_protocol(standing, folder) for standing in places],
    }


def _protocol(standing: Standing, folder: str) -> dict[str, Any]:
    columns = [column for column in COLUMNS if standing.now[f"{column.measure}_mean"].notna().any()]
    if standing.by == "prompts":  # rounds are on the entries' pages
        columns = [column for column in columns if column.measure not in ("rounds", "rounds_s")]
    columns.sort(key=lambda column: column.measure != standing.by)
    goal = f"{100 * standing.now['goal'].iloc[-1]:g}%"
    runs = standing.past["when"].nunique()
    return {
        "name": standing.protocol,
        "by": "mean final Dice" if standing.by == "dice" else f"mean {standing.by} to {goal}, fewest first",
        "table": _table(standing, columns, goal, folder),
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
        "lost": standing.lost,
        "fewer": other_objects(standing.fewer),
        "split": standing.now["split"].iloc[-1],
        "data": standing.now["data"].iloc[-1],
        "older": standing.older,
    }


def _by_structure(now: pd.DataFrame) -> list[tuple[str, bool, list[dict[Any, Any]]]]:
    """Title, whether the structure is seen, and rows that are ranked together: best first, those without a rank last.

    Entries that were trained on the patients come apart, behind the others.
    """
    groups, rows = [], in_reading_order(now).to_dict("records")
    for (structure, seen), of_structure in groupby(
        rows, key=lambda row: (row["structure"], bool(row["seen"]))
    ):
        entries = sorted(of_structure, key=lambda row: (_saw(row), np.isnan(row["rank"]), row["rank"]))
        for saw, part in groupby(entries, key=_saw):
            title = structure.replace("_", " ") + (", entries trained on these patients" if saw else "")
            groups.append((title, seen, list(part)))
    return groups


def _saw(row: dict[Any, Any]) -> bool:
    return saw_patients(str(row["exposure"]))


def _table(standing: Standing, columns: list[Column], goal: str, folder: str) -> ShownTable:
    """The newest result of every entry, in a group for each structure and for those trained on its patients."""
    headers = [
        "Rank",
        "Entry",
        "Exposure",
        *(column.header.format(goal=goal) for column in columns),
        "Detectable (points) [more patients]",
        "Failed",
        "Run",
    ]
    groups = []
    for title, seen, rows in _by_structure(standing.now):
        ranks = _rank_intervals(rows)
        tied = [bool(set(row["group"]) & set(rows[0]["group"])) for row in rows]
        best = {column: column.best(rows) for column in columns}
        lines = [
            Row(
                [
                    *((text, False) for text in (rank, entry_of(row), exposure_of(row))),
                    *((c.text(row), row[f"{c.measure}_mean"] == best[c]) for c in columns),
                    *((text, False) for text in (_power(row), *run_of(row))),
                ],
                href=entry_link(folder, entry_of(row)),
                front=one and not all(tied),
            )
            for row, rank, one in zip(rows, ranks, tied, strict=True)
        ]
        groups.append(Group(lines, title, seen))
    table = ShownTable(headers, groups, ("Rank", "Entry", "Exposure", "Run"))
    return with_files(table, f"{standing.cohort}-{standing.protocol}")


def _power(row: dict[Any, Any]) -> str:
    """`2.4 [31]`: the smallest difference from the first that the patients show, and how many more 1 point needs."""
    detectable, more = plain(100 * row["detectable"], ".1f"), plain(row["more_patients"], ".0f")
    return "–" if np.isnan(row["detectable"]) else f"{detectable} [{more}]"


def _rank_intervals(rows: list[dict[Any, Any]]) -> list[str]:
    """`1 [1–3]`: the rank, and the ranks that the significant differences leave; a dash without a ranking."""
    texts = []
    for place, row in enumerate(rows):
        if not row["group"]:
            texts.append("–")
            continue
        apart = [not set(row["group"]) & set(other["group"]) for other in rows if other["group"]]
        better, worse = sum(apart[:place]), sum(apart[place:])
        rank = 1 + sum(other["rank"] < row["rank"] for other in rows)
        texts.append(f"{rank} [{1 + better}–{len(apart) - worse}]")
    return texts


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
        {key: row[key] for key in keep} | {"entry": entry_of(row), "when": row["when"][:10]} for row in rows
    ]
