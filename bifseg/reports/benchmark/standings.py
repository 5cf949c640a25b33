"""The newest result of every entry in a history, its rank, and its earlier results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from bifseg.analysis.names import GROUP, entry_names, saw_patients
from bifseg.analysis.paired import STRUCTURE, rankings, with_fewer_by_structure
from bifseg.analysis.power import Power, power_of
from bifseg.core.errors import InputError, short
from bifseg.core.parquet import read_parquet
from bifseg.reports.benchmark.history import sessions_file, sessions_place
from bifseg.reports.benchmark.journal import KEY, Record
from bifseg.reports.benchmark.outcomes import COLUMNS, MEASURES, WHERE

_ABOUT = (KEY, "when", "run", "commit", "bifseg", "method", "network")
_SAME = ["data", "split", "rules", "goal"]
_ENTRY = ["method", "network"]
_POWER = [field.name for field in fields(Power)]


@dataclass(frozen=True)
class Standing:
    """One protocol on one cohort.

    Attributes:
        by: the measure of the ranks: `prompts` where the protocol counts them, since it stops sessions at a Dice
            (`rounds` if an older record has no prompts); else `dice`.
        now: a row per structure and entry, the newest of each: as `entries`, with `rank` and `group` by
            `paired.rankings`, and `detectable` and `more_patients` by `power.power_of` on final Dice against the
            first of the structure, or of those trained on its patients; NaN and empty where the record's outcomes are
            missing.
        past: all rows of the same data, rules and goal, oldest first: the curves.
        apart: entries without a rank, since their newest result has other data, rules or goal.
        lost: entries without a rank, since the outcomes of their sessions are not beside the history.
        fewer: entries that played fewer objects than others, as of `with_fewer_by_structure`.
        older: number of rows with other data, rules or goals.
    """

    cohort: str
    protocol: str
    by: str
    now: pd.DataFrame
    past: pd.DataFrame
    apart: tuple[str, ...]
    lost: tuple[str, ...]
    fewer: tuple[str, ...]
    older: int


def entries(records: Iterable[Record]) -> pd.DataFrame:
    """A row per record, cohort, protocol and structure, oldest first.

    Args:
        records: of a history.

    Returns:
        Columns: the record's own; `data`, `split`, `simulated`, `dimension`, `rules`; `goal`, the Dice that rounds are
        counted to (0 if the protocol has none); `NAME_mean`, `NAME_low` and `NAME_high` of each measure; `n`,
        `failed`, `error`.
    """
    rows = []
    for record in records:
        about = {key: record[key] for key in _ABOUT}
        for result in record["results"]:
            cohort = record["cohorts"][result["cohort"]]
            older = {"data": cohort.get("manifest_sha256")}  # of records from before there was `data`
            row = {key: result.get(key, "") for key in (*WHERE, "n", "failed", "error", "exposure")}
            row["rules"] = record["protocols"][result["protocol"]]
            row["goal"] = result.get("goal", record["target"]) if "rounds" in result else 0.0
            rows.append(about | older | cohort | row | _intervals(result))
    frame = pd.DataFrame(rows)
    return frame.sort_values("when", kind="stable", ignore_index=True) if rows else frame


def _intervals(result: Record) -> dict[str, float]:
    numbers = {}
    for measure in MEASURES:
        values = result.get(measure.name)
        values = values if isinstance(values, list) else [None] * 3
        for kind, value in zip(("mean", "low", "high"), values, strict=True):
            numbers[f"{measure.name}_{kind}"] = np.nan if value is None else value
    return numbers


def standings(records: Iterable[Record], path: Path) -> list[Standing]:
    """The standing of every cohort and protocol in a history.

    An entry has a place if its newest result shares data (defined in `history`), split, rules and goal with the
    newest result of the protocol.

    Args:
        records: of the history.
        path: history.jsonl, beside which the outcomes of sessions are.

    Returns:
        Standings sorted by cohort and protocol.
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
    now = rows[last & same]
    stored = now[KEY].map(lambda key: sessions_file(path, {KEY: key}).is_file())
    by = next((name for name in ("prompts", "rounds") if now[f"{name}_mean"].notna().all()), "dice")
    sessions = _sessions_of(now, cohort, protocol, path)
    return Standing(
        cohort,
        protocol,
        by,
        now.merge(_places(now, sessions, by), on=GROUP, how="left").fillna({"group": ""}),
        rows[same].reset_index(drop=True),
        tuple(entry_names(rows[last & ~same])),
        tuple(entry_names(now[~stored])),
        with_fewer_by_structure(sessions),
        int((~same).sum()),
    )


def _sessions_of(now: pd.DataFrame, cohort: str, protocol: str, path: Path) -> pd.DataFrame:
    """The outcomes of the sessions behind the newest rows, as far as they are beside the history."""
    files = [sessions_file(path, {KEY: key}) for key in sorted(set(now[KEY]))]
    parts = [_sessions(file) for file in files if file.is_file()]
    sessions = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return sessions[(sessions["cohort"] == cohort) & (sessions["protocol"] == protocol)]


def _places(now: pd.DataFrame, sessions: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rank and tie group from the sessions behind the newest rows."""
    if sessions.empty:
        return pd.DataFrame(columns=[*GROUP, "rank", "group", *_POWER])
    places = rankings(sessions, by)
    saw = now.assign(saw=now["exposure"].map(saw_patients))[[*GROUP, "saw"]]
    return places.merge(_power(sessions, places.merge(saw, on=GROUP)), on=GROUP, how="left")


def _power(sessions: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """What the patients show of each entry's final Dice against the first of its structure.

    Entries that saw the patients in training have a first of their own.
    """
    rows = []
    for (*where, _), group in places.sort_values("rank", kind="stable").groupby([*STRUCTURE, "saw"]):
        of_structure = sessions[(sessions[STRUCTURE] == where).all(axis=1)]
        dice = of_structure.pivot_table(
            index=["patient", "object", "replicate"], columns=_ENTRY, values="dice"
        )
        first, *others = [tuple(pair) for pair in group[_ENTRY].to_numpy()]
        for entry in others:
            differences = (dice[entry] - dice[first]).dropna().groupby("patient").mean()
            about = dict(zip(GROUP, (*where, *entry), strict=True))
            rows.append(about | asdict(power_of(differences)))
    return pd.DataFrame(rows, columns=[*GROUP, *_POWER])


def _sessions(file: Path) -> pd.DataFrame:
    """The outcomes of a record; older ones lack columns: each case is a patient, and there is one training seed."""
    try:
        outcomes = read_parquet(file, sessions_place(file))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: damaged ({short(str(error))}); delete it and run `bifseg history append` for its run again"
        ) from error
    return outcomes.assign(
        patient=outcomes.get("patient", outcomes["case"]), training_seed=outcomes.get("training_seed", 1)
    )
