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
from bifseg.analysis.names import exposure_text
from bifseg.analysis.run_files import PROVENANCE_KEYS
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.words import with_words
from bifseg.cards.entries import seed_name
from bifseg.core.files import fingerprint, read_record, write_text, writing
from bifseg.core.parquet import write_parquet
from bifseg.reports.benchmark import journal
from bifseg.reports.benchmark.outcomes import MEASURES, WHERE, Measure, outcomes

_NEVER = "never: one round more than the last"  # rounds of older records were counted in another way
_FACTS = ("bifseg", "commit", "session_code", "machine", "scores_sha256")


def append_run(
    run: Path,
    path: Path,
    target: float,
    records: list[tuple[journal.Record, pd.DataFrame]] | None = None,
) -> list[journal.Record]:
    """Add a finished run to the history, a record for each entry.

    An entry whose sessions are unchanged is not added again. RUN/history.jsonl, written last, holds the records of
    this run alone; the workflow takes it as the sign that the run is done.

    Args:
        run: RESULTS/RUN.
        path: history.jsonl.
        target: Dice that rounds are counted to.
        records: of `run_records` with the same target; None: they are made.

    Returns:
        The records that were added.

    Raises:
        InputError: the run is not finished, or the history is damaged.
    """
    pairs = run_records(run, target) if records is None else records
    for record, sessions in pairs:
        place = sessions_file(path, record)
        if not place.is_file():
            with writing(place) as part:
                write_parquet(sessions, part, compression="zstd", place=sessions_place(place))
    added = journal.append(path, [record for record, _ in pairs])
    write_text(run / "history.jsonl", "".join(f"{journal.line(record)}\n" for record, _ in pairs))
    return added


def sessions_file(path: Path, record: Mapping[str, Any]) -> Path:
    """The file of a record's outcomes.

    Args:
        path: history.jsonl.
        record: of that history; only its fingerprint is used.

    Returns:
        Path of the Parquet file.
    """
    return path.with_suffix("") / f"{record[journal.KEY]}.parquet"


def sessions_place(file: Path) -> str:
    """The place of a record's outcomes, the same in every copy of the history.

    Args:
        file: of `sessions_file`.

    Returns:
        A place as of `run_place`.
    """
    return f":history/{file.name}"


def run_records(
    run: Path, target: float, scores: RunScores | None = None
) -> list[tuple[journal.Record, pd.DataFrame]]:
    """The records of a run and their outcomes, by entry.

    Each record: `fingerprint` of all that follows but times and versions; `when` the run was finished; `run`,
    `method`, `network`; what it was made with and from; and `results`, one per cohort, protocol and structure.
    There, each measure is [mean, low, high] with its 95% interval over patients; null is unknown. Times are seconds a
    session or round of the sessions that did not fail.

    Args:
        run: RESULTS/RUN.
        target: Dice that rounds are counted to.
        scores: of the run with the same target; None: they are read.

    Returns:
        Records with a row of outcomes for each session.

    Raises:
        InputError: the run has no scores, rules or provenance.
    """
    facts = read_record(run / "provenance.json", *PROVENANCE_KEYS)
    played = scores or RunScores.read(run, target)
    cards, sessions = played.cards, outcomes(played.frame, played.rules, target)
    about = {path.parent.name: read_record(path) for path in sorted(run.glob("cohorts/*/cohort.json"))}
    common = {name: facts.get(name) for name in _FACTS}
    config = facts.get("config") or {}
    keys = ["method", "network", *WHERE]
    kinds = with_words(played.frame[[*keys, "exposure"]].drop_duplicates())
    exposures = kinds.groupby(keys)["exposure"].agg(exposure_text).to_dict()
    pairs = []
    for (method, network), rows in sessions.groupby(["method", "network"], sort=True):
        of_entry = rows.reset_index(drop=True)
        cohorts = {name: _cohort(about[name], of_entry) for name in sorted(set(of_entry["cohort"]))}
        weights = {
            name: _weights(facts["networks"], name, str(network), of_entry) for name in cohorts if network
        }
        entry_fields = {"run": run.resolve().name, "method": method, "network": network}
        protocols = {name: fingerprint(cards[name], _NEVER) for name in sorted(set(of_entry["protocol"]))}
        key = fingerprint(entry_fields, cohorts, weights, protocols, target, of_entry.to_csv(index=False))
        record = {
            journal.KEY: key,
            "when": facts["written"],
            **entry_fields,
            **common,
            "seed": config.get("seed"),
            "target": target,
            "cohorts": cohorts,
            "weights": weights,
            "protocols": protocols,
            "results": [
                dict(zip(WHERE, where, strict=True))
                | _numbers(group)
                | {"exposure": exposures[(method, network, *where)]}
                for where, group in of_entry.groupby(WHERE, sort=True)
            ],
        }
        pairs.append((record, of_entry))
    return pairs


def _weights(facts: Mapping[str, Any], cohort: str, network: str, rows: pd.DataFrame) -> str | None:
    """Hashes of the weights of an entry's networks, with blanks between those of several training seeds."""
    seeds = sorted(set(rows.loc[rows["cohort"] == cohort, "training_seed"]))
    networks = [facts.get(f"{cohort}/{seed_name(network, seed)}", {}) for seed in seeds]
    return " ".join(about["weights_sha256"] for about in networks if about.get("weights_sha256")) or None


def _cohort(about: Mapping[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
    """Facts of a cohort; `data` hashes images, labels, objects and the margin of boxes."""
    splits = rows.loc[rows["cohort"] == about["name"], "split"]
    return {
        "data": fingerprint(about["hashes"], about["objects_sha256"], about["card"]["box_margin"]),
        "simulated": about["simulated"],
        "dimension": about["dimension"],
        "split": ", ".join(sorted(set(splits))),
    }


def _numbers(rows: pd.DataFrame) -> dict[str, Any]:
    """Counts and measures of one entry on one structure."""
    failed = rows[rows["failed"] == 1]
    counts: dict[str, Any] = {"n": len(rows), "patients": rows["patient"].nunique(), "failed": len(failed)}
    counts["goal"] = _short(rows["goal"].iloc[0])
    first = {"error": failed["error"].iloc[0]} if len(failed) else {}
    measures = {m.name: _interval(rows, m) for m in MEASURES if m.name != "failed"}
    return counts | first | {name: values for name, values in measures.items() if values}


def _interval(rows: pd.DataFrame, measure: Measure) -> list[float | None]:
    """Mean, or seconds per session or round, with its limits; empty where there is nothing to measure."""
    above = rows[measure.name].to_numpy(float)
    below = rows[measure.per].to_numpy(float) if measure.per else np.ones(len(rows))
    used = (rows["failed"] == 0).to_numpy() if measure.per else ~np.isnan(above)
    if not np.nan_to_num(below[used]).any():
        return []
    most = 1 if measure.factor == 100 else np.inf  # a share ends at 1, other numbers nowhere
    ratio = ratio_interval(above[used], below[used], rows["patient"].to_numpy()[used]).within(0, most)
    return [_short(value) for value in (ratio.mean, ratio.low, ratio.high)]


def _short(value: float) -> float | None:
    """Six digits are enough to read and to draw; JSON knows no NaN."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
