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
from bifseg.analysis.run_files import PROVENANCE_KEYS
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.words import exposures_by
from bifseg.cards.cards import LATER_RULES
from bifseg.cards.entries import seed_name
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError
from bifseg.core.files import fingerprint, read_record, write_text, writing
from bifseg.core.parquet import write_parquet
from bifseg.reports.benchmark import journal
from bifseg.reports.benchmark.columns import exposure_of
from bifseg.reports.benchmark.outcomes import MEASURES, WHERE, Measure, outcomes

_NEVER = "never: one round more than the last"  # rounds of older records were counted in another way
_FACTS = ("bifseg", "commit", "session_code", "machine", "scores_sha256")
_ENTRY = ("run", "method", "network")
_SHOWN = ("when", *_ENTRY, "bifseg", "commit", "machine", "seed", "target", "cohorts", "protocols", "results")
"""Keys of a record that pages and lists show."""


def read_history(path: Path) -> list[journal.Record]:
    """The records of a history.

    Args:
        path: history.jsonl.

    Returns:
        The records in the order of the file, each once.

    Raises:
        InputError: the file does not exist, or a line is no record of a run.
    """
    return journal.read(path, *_SHOWN)


def check_history(path: Path) -> None:
    """Check that a run can be added to a history, before work that would be in vain.

    Args:
        path: history.jsonl, which need not exist.

    Raises:
        InputError: the history is damaged, or no file of a history.
    """
    if path.is_dir() or not path.suffix:  # the folder of the sessions has its name without the suffix
        raise InputError(f"--history {path}: name a file such as {path / 'history.jsonl'}")
    journal.check(path)


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
        InputError: the run is not finished, or the history is damaged or no file of a history.
    """
    check_history(path)  # before sessions are written beside it
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
    common = {name: facts.get(name) for name in _FACTS}
    config = facts.get("config") or {}
    about = {
        str(name): _cohort(run, str(name), rows, config.get("patients"))
        for name, rows in sessions.groupby("cohort")
    }
    exposures: Mapping[Any, str] = exposures_by(played.frame, ["method", "network", *WHERE]).to_dict()
    pairs = []
    for (method, network), rows in sessions.groupby(["method", "network"], sort=True):
        of_entry = rows.reset_index(drop=True)
        cohorts = {name: about[name] for name in sorted(set(of_entry["cohort"]))}
        weights = {
            name: _weights(facts["networks"], name, str(network), of_entry) for name in cohorts if network
        }
        entry_fields = dict(zip(_ENTRY, (run.resolve().name, method, network), strict=True))
        protocols = {name: rules_hash(cards[name]) for name in sorted(set(of_entry["protocol"]))}
        results = [
            dict(zip(WHERE, where, strict=True))
            | _numbers(group)
            | {"exposure": exposures[(method, network, *where)]}
            for where, group in of_entry.groupby(WHERE, sort=True)
        ]
        declared = _declared(entry_fields, results)
        sources = (entry_fields, cohorts, weights, protocols, target)
        record = {
            journal.KEY: fingerprint(*sources, of_entry.to_csv(index=False), *declared),
            "when": facts["written"],
            **entry_fields,
            **common,
            "seed": config.get("seed"),
            "target": target,
            "cohorts": cohorts,
            "weights": weights,
            "protocols": protocols,
            "results": results,
        }
        pairs.append((record, of_entry))
    return pairs


def rules_hash(card: Mapping[str, Any]) -> str:
    """The hash of a protocol's rules: results with equal hashes are compared.

    Args:
        card: values by the keys of a protocol card.

    Returns:
        Hexadecimal digits, the same if the card has a later key at the value that plays as before.
    """
    rules = {key: value for key, value in card.items() if key not in LATER_RULES or value != LATER_RULES[key]}
    return fingerprint(rules, _NEVER)


def _declared(entry_fields: Mapping[str, Any], results: list[dict[str, Any]]) -> list[list[str]]:
    """The exposures, if one does not follow from method and structure: a card that declares it is another record."""
    exposures = [result["exposure"] for result in results]
    implied = [exposure_of({**entry_fields, **result, "exposure": ""}) for result in results]
    return [] if exposures == implied else [exposures]


def _weights(facts: Mapping[str, Any], cohort: str, network: str, rows: pd.DataFrame) -> str | None:
    """Hashes of the weights of an entry's networks, with blanks between those of several training seeds."""
    seeds = sorted(set(rows.loc[rows["cohort"] == cohort, "training_seed"]))
    networks = [facts.get(f"{cohort}/{seed_name(network, seed)}", {}) for seed in seeds]
    return " ".join(about["weights_sha256"] for about in networks if about.get("weights_sha256")) or None


def _cohort(run: Path, name: str, rows: pd.DataFrame, most: int | None) -> dict[str, Any]:
    """Facts of a cohort; `data` hashes images, labels, objects, the margin of boxes, and the patients if some play."""
    place = run / "cohorts" / name
    if not (place / "cohort.json").is_file():
        raise InputError(
            f"{place / 'cohort.json'}: missing; start snakemake again, which prepares the cohort"
        )
    about, drawn = read_record(place / "cohort.json"), []
    if most:  # the configuration's number of patients
        patients = set(rows["patient"])
        every = {row.group for row in Cohort.load(place).objects if row.split in set(rows["split"])}
        drawn = [sorted(patients)] if patients < every else []
    return {
        "data": fingerprint(about["hashes"], about["objects_sha256"], about["card"]["box_margin"], *drawn),
        "simulated": about["simulated"],
        "dimension": about["dimension"],
        "split": ", ".join(sorted(set(rows["split"]))),
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
