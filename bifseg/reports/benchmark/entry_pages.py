"""A page for each entry of a leaderboard: all that was ever measured of it, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from bifseg.core.files import write_text
from bifseg.reports.benchmark.columns import COLUMNS, entry_of, exposure_of, run_of
from bifseg.reports.benchmark.curves import curves
from bifseg.reports.benchmark.journal import KEY, Record
from bifseg.reports.benchmark.outcomes import WHERE
from bifseg.reports.benchmark.standings import Standing, entries
from bifseg.reports.html import embed, page
from bifseg.reports.shown_table import Row, ShownTable, plain_table

_DRAWN = (("dice", "Dice (%)", 100), ("prompts", "prompts to the target", 1))
_TITLE = " · bifseg leaderboard</title>"
"""What the title of every entry's page ends in."""
_WORDS = ("Run", "Structure", "Exposure", "Compared")


def entry_file(name: str) -> str:
    """The file name of an entry's page.

    Args:
        name: METHOD or METHOD@NETWORK.

    Returns:
        A name without characters that are special to a file system.
    """
    return re.sub(r"[^\w.@-]", "-", name) + ".html"


def entry_link(folder: str, name: str) -> str:
    """The link to an entry's page.

    Args:
        folder: of the pages, beside the page with the link.
        name: METHOD or METHOD@NETWORK.

    Returns:
        A relative URL.
    """
    return _url(f"{folder}/{entry_file(name)}")


def _url(path: str) -> str:
    return quote(path, safe="/@")


def write_entry_pages(
    records: Iterable[Record], places: Iterable[Standing], leaderboard: Path, folder: Path
) -> None:
    """Write the page of each entry of a history, and remove those of entries that it no longer holds.

    Args:
        records: of the history.
        places: its standings, whose rows are those that the leaderboard compares.
        leaderboard: the page that the entries' pages lead back to.
        folder: for the pages; it is created if it is missing.
    """
    frame = entries(records)
    compared = {
        (row[KEY], standing.cohort, standing.protocol, row["structure"])
        for standing in places
        for row in standing.past.to_dict("records")
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = set()
    for _, rows in frame.groupby(["method", "network"], sort=True):
        name = entry_of(rows.iloc[0].to_dict())
        parts = [_part(part, compared) for _, part in rows.groupby(WHERE[:2], sort=True)]
        newest = rows.iloc[-1]
        content = {
            "name": name,
            "back": _url(f"../{leaderboard.name}"),
            "versions": rows[KEY].nunique(),
            "first": rows["when"].min()[:10],
            "last": newest["when"][:10],
            "parts": parts,
        }
        write_text(folder / entry_file(name), page("entry.html.j2", content))
        written.add(entry_file(name))
    for path in folder.glob("*.html"):
        if path.name not in written and _TITLE in path.read_text(encoding="utf-8", errors="replace"):
            path.unlink()


def _part(rows: pd.DataFrame, compared: set[tuple[str, str, str, str]]) -> dict[str, Any]:
    """The results under a protocol of a cohort."""
    newest = rows.iloc[-1]
    drawn = rows[[_key(row) in compared for row in rows.to_dict("records")]]
    figures = [
        {"title": scale, "source": embed(curves(drawn, name, scale, factor, False), "svg+xml")}
        for name, scale, factor in _DRAWN
        if drawn["when"].nunique() > 1 and drawn[f"{name}_mean"].notna().any()
    ]
    about = {name: newest[name] for name in ("cohort", "protocol", "dimension", "split", "simulated")}
    return about | {"table": _table(rows, compared), "figures": figures}


def _table(rows: pd.DataFrame, compared: set[tuple[str, str, str, str]]) -> ShownTable:
    columns = [column for column in COLUMNS if rows[f"{column.measure}_mean"].notna().any()]
    goal = f"{100 * rows['goal'].iloc[-1]:g}%"
    headers = ["Run", "Structure", "Exposure", *(column.header.format(goal=goal) for column in columns)]
    lines = []
    for row in rows.iloc[::-1].to_dict("records"):
        failed, run = run_of(row)
        texts = [run, row["structure"].replace("_", " "), exposure_of(row), *(c.text(row) for c in columns)]
        texts += [failed, "yes" if _key(row) in compared else "other data or rules"]
        lines.append(Row([(text, False) for text in texts]))
    return plain_table([*headers, "Failed", "Compared"], lines, _WORDS)


def _key(row: dict[Any, Any]) -> tuple[str, str, str, str]:
    return row[KEY], row["cohort"], row["protocol"], row["structure"]
