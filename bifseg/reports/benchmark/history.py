"""The history of runs: one record for each run and entry in history.jsonl, and the outcomes of its sessions beside it.

`history.jsonl` is for people and for curves over time. `history/FINGERPRINT.parquet` holds the record's
`outcomes`, a few kilobytes: tests between entries need the patients, not their means.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.intervals import ratio_interval
from bifseg.analysis.run_scores import RunScores
from bifseg.core.files import fingerprint, read_json, write_text, writing
from bifseg.reports.benchmark import journal
from bifseg.reports.benchmark.outcomes import MEASURES, WHERE, Measure, outcomes

_NEVER = "never: one round more than the last"  # rounds of older records were counted in another way
_FACTS = ("bifseg", "commit", "session_code", "machine", "scores_sha256")


def append_run(run: Path, path: Path, target: float) -> list[journal.Record]:
    """The new records of a finished run, one for each entry, after they were added to the history.

    An entry is not added again while its sessions are unchanged. RUN/history.jsonl, written last, holds the records
    of this run alone; the workflow takes it as the sign that the run is done.

    Raises:
        InputError: the run is not finished, or the history is damaged.
    """
    found = run_records(run, target)
    for record, sessions in found:
        place = sessions_file(path, record)
        if not place.is_file():
            with writing(place) as part:
                sessions.to_parquet(part, engine="pyarrow", index=False, compression="zstd")
    added = journal.append(path, [record for record, _ in found])
    write_text(run / "history.jsonl", "".join(f"{journal.line(record)}\n" for record, _ in found))
    return added


def sessions_file(path: Path, record: Mapping[str, Any]) -> Path:
    """Where the outcomes of a record of the history at `path` lie."""
    return path.with_suffix("") / f"{record[journal.KEY]}.parquet"


def run_records(run: Path, target: float) -> list[tuple[journal.Record, pd.DataFrame]]:
    """The records of a run and their outcomes, by entry.

    Each record: `fingerprint` of all that follows but times and versions; `when` the run was finished; `run`,
    `method`, `network`; what it was made with and from; and `results`, one per cohort, protocol and structure.
    There, each measure is [mean, low, high] with its 95% interval over patients; null is not known.
    Times are seconds a session or round of those that did not fail.

    Raises:
        InputError: the run has no scores, rules or provenance.
    """
    facts, played = read_json(run / "provenance.json"), RunScores.read(run, target)
    cards, sessions = played.cards, outcomes(played.frame, played.rules, target)
    about = {path.parent.name: read_json(path) for path in sorted(run.glob("cohorts/*/cohort.json"))}
    common = {name: facts.get(name) for name in _FACTS}
    config = facts.get("config") or {}
    found = []
    for (method, network), rows in sessions.groupby(["method", "network"], sort=True):
        mine = rows.reset_index(drop=True)
        cohorts = {name: _cohort(about[name], mine) for name in sorted(set(mine["cohort"]))}
        weights = {
            name: facts["networks"].get(f"{name}/{network}", {}).get("weights_sha256")
            for name in cohorts
            if network
        }
        who = {"run": run.resolve().name, "method": method, "network": network}
        protocols = {name: fingerprint(cards[name], _NEVER) for name in sorted(set(mine["protocol"]))}
        key = fingerprint(who, cohorts, weights, protocols, target, mine.to_csv(index=False))
        record = {
            journal.KEY: key,
            "when": facts["written"],
            **who,
            **common,
            "seed": config.get("seed"),
            "target": target,
            "cohorts": cohorts,
            "weights": weights,
            "protocols": protocols,
            "results": [
                dict(zip(WHERE, where, strict=True)) | _numbers(group)
                for where, group in mine.groupby(WHERE, sort=True)
            ],
        }
        found.append((record, mine))
    return found


def _cohort(about: Mapping[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
    """`data` is what images, labels and objects are and how far boxes reach; a manifest only names files."""
    mine = rows[rows["cohort"] == about["name"]]
    return {
        "data": fingerprint(about["hashes"], about["objects_sha256"], about["card"]["box_margin"]),
        "simulated": about["simulated"],
        "dimension": about["dimension"],
        "split": ", ".join(sorted(set(mine["split"]))),
    }


def _numbers(rows: pd.DataFrame) -> dict[str, Any]:
    """Counts and measures of one entry on one structure."""
    failed = rows[rows["failed"] == 1]
    counts: dict[str, Any] = {"n": len(rows), "patients": rows["patient"].nunique(), "failed": len(failed)}
    counts["goal"] = _short(rows["goal"].iloc[0])
    first = {"error": failed["error"].iloc[0]} if len(failed) else {}
    measures = {m.name: _interval(rows, m) for m in MEASURES if m.name != "failed"}
    return counts | first | {name: found for name, found in measures.items() if found}


def _interval(rows: pd.DataFrame, measure: Measure) -> list[float | None]:
    """Mean, or seconds per session or round, with its limits; empty where there is nothing to measure."""
    if measure.per:
        some = rows[rows["failed"] == 0]
        terms = some[[measure.name, measure.per]]
    else:
        some = rows.dropna(subset=measure.name)
        terms = some[[measure.name]].assign(one=1)
    if not terms.iloc[:, 1].any():
        return []
    found = ratio_interval(terms.iloc[:, 0], terms.iloc[:, 1], some["patient"])
    found = found.within(0, 1 if measure.factor == 100 else np.inf)  # shares in per cent, and what has no end
    return [_short(value) for value in (found.mean, found.low, found.high)]


def _short(value: float) -> float | None:
    """Six digits are enough to read and to draw; JSON knows no NaN."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
