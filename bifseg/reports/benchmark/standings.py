"""The newest result of every entry in a history, its rank, and its earlier results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bifseg.analysis.names import GROUP
from bifseg.analysis.paired import rankings
from bifseg.cards.entries import entry_name
from bifseg.reports.benchmark.history import sessions_file
from bifseg.reports.benchmark.journal import KEY, Record
from bifseg.reports.benchmark.outcomes import MEASURES, WHERE

_ABOUT = (KEY, "when", "run", "commit", "bifseg", "method", "network")
_SAME = ["data", "split", "rules", "goal"]
_ENTRY = ["method", "network"]


@dataclass(frozen=True)
class Standing:
    """One protocol on one cohort.

    Attributes:
        by: the measure that places are given by: `rounds` where the protocol counts them, since it stops sessions
            at a Dice; else `dice`.
        now: a row per structure and entry, the newest of each: as `entries`, with `rank` and `group` by
            `comparisons.rankings`; NaN and empty where the record's outcomes are missing.
        past: all rows of the same data, rules and goal, oldest first: the curves.
        apart: entries whose newest result is on other data, by other rules or to another goal: they have no place.
        older: how many rows of other data, rules or goals there are.
    """

    cohort: str
    protocol: str
    by: str
    now: pd.DataFrame
    past: pd.DataFrame
    apart: tuple[str, ...]
    older: int


def entries(records: Iterable[Record]) -> pd.DataFrame:
    """A row per record, cohort, protocol and structure, oldest first.

    Columns: the record's own; `data`, `split`, `simulated`, `dimension`, `rules`; `goal`, what rounds are counted
    to, 0 where they are not; of each measure its name with `_mean`, `_low` and `_high`; `n failed error`.
    """
    rows = []
    for record in records:
        about = {key: record[key] for key in _ABOUT}
        for result in record["results"]:
            cohort = record["cohorts"][result["cohort"]]
            older = {"data": cohort.get("manifest_sha256")}  # all that records told before they had `data`
            kept = {key: result.get(key, "") for key in (*WHERE, "n", "failed", "error")}
            kept["rules"] = record["protocols"][result["protocol"]]
            kept["goal"] = result.get("goal", record["target"]) if "rounds" in result else 0.0
            rows.append(about | older | cohort | kept | _spread(result))
    frame = pd.DataFrame(rows)
    return frame.sort_values("when", kind="stable", ignore_index=True) if rows else frame


def _spread(result: Record) -> dict[str, float]:
    found = {}
    for measure in MEASURES:
        values = result.get(measure.name)
        values = values if isinstance(values, list) else [None] * 3
        for kind, value in zip(("mean", "low", "high"), values, strict=True):
            found[f"{measure.name}_{kind}"] = np.nan if value is None else value
    return found


def standings(records: Iterable[Record], path: Path) -> list[Standing]:
    """The standing of every cohort and protocol in the history at `path`, sorted by name.

    Compared is what was played on the same data (`history` says what that is) and split by the same rules, rounds
    counted to the same goal, as the newest result there.
    """
    frame = entries(records)
    if frame.empty:
        return []
    return [
        _standing(str(cohort), str(protocol), rows, path)
        for (cohort, protocol), rows in frame.groupby(["cohort", "protocol"], sort=True)
    ]


def _standing(cohort: str, protocol: str, rows: pd.DataFrame, path: Path) -> Standing:
    newest = rows.iloc[-1]
    same = (rows[_SAME] == newest[_SAME]).all(axis=1)
    last = rows[KEY] == rows.groupby(_ENTRY)[KEY].transform("last")
    apart = sorted({entry_name(*pair) for pair in rows[last & ~same][_ENTRY].to_numpy()})
    now = rows[last & same]
    by = "rounds" if now["rounds_mean"].notna().any() else "dice"
    places = _places(now, cohort, protocol, by, path)
    return Standing(
        cohort,
        protocol,
        by,
        now.merge(places, on=GROUP, how="left").fillna({"group": ""}),
        rows[same].reset_index(drop=True),
        tuple(apart),
        int((~same).sum()),
    )


def _places(now: pd.DataFrame, cohort: str, protocol: str, by: str, path: Path) -> pd.DataFrame:
    """Rank and tie group from the sessions behind the newest rows."""
    files = [sessions_file(path, {KEY: key}) for key in sorted(set(now[KEY]))]
    parts = [_sessions(file) for file in files if file.is_file()]
    if not parts:
        return pd.DataFrame(columns=[*GROUP, "rank", "group"])
    sessions = pd.concat(parts, ignore_index=True)
    return rankings(sessions[(sessions["cohort"] == cohort) & (sessions["protocol"] == protocol)], by)


def _sessions(file: Path) -> pd.DataFrame:
    """The outcomes of a record; in those from before there were patients, each case is one."""
    found = pd.read_parquet(file, engine="pyarrow")
    return found.assign(patient=found.get("patient", found["case"]))
