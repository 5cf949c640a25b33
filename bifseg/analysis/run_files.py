"""What the analysis reads from a run folder beside its scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from bifseg.analysis.rules import StoppingRule
from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.files import read_json, write_json
from bifseg.core.metrics import MetricInfo, built_in, describe


def session_folders(run: Path, scores: pd.DataFrame) -> list[Path]:
    """Where the sessions of the scores lie; beside them there may be those of an earlier configuration."""
    entries = scores[["cohort", "protocol", "method", "network"]].drop_duplicates().to_numpy()
    return sorted(
        run / "sessions" / cohort / protocol / "@".join(filter(None, entry))
        for cohort, protocol, *entry in entries
    )


def write_metrics(metrics: Iterable[MetricInfo], path: Path) -> None:
    """Write metrics.json of a run: the description of every metric that its scores hold."""
    write_json(path, [metric.to_record() for metric in metrics])


def read_metrics(run: Path) -> tuple[MetricInfo, ...]:
    """The metrics of a run's scores, from RUN/metrics.json; those of bifseg where there is no such file.

    Tables and rankings of this process know them from then on.
    """
    path = run / "metrics.json"
    metrics = tuple(map(MetricInfo.from_record, read_json(path))) if path.is_file() else built_in()
    describe(metrics)
    return metrics


def simulated_cohorts(run: Path) -> set[str]:
    """Names of the run's cohorts whose images a simulator made."""
    return {path.parent.name for path in run.glob("cohorts/*/cohort.json") if read_json(path)["simulated"]}


def played_rules(run: Path, scores: pd.DataFrame) -> dict[str, StoppingRule]:
    """The rules of each protocol of the scores, from RUN/sessions/COHORT/PROTOCOL/ENTRY/protocol.json.

    Raises:
        InputError: entries of one protocol played by different rules.
    """
    found: dict[str, StoppingRule] = {}
    for path, name, card in _played(run, scores):
        rules = StoppingRule(card["rounds"], card["target"])
        if found.setdefault(name, rules) != rules:
            raise InputError(
                f"{path}: {rules}, but other sessions of {name} had {found[name]}; run them again"
            )
    return found


def played_cards(run: Path, scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The whole card of each protocol of the scores; a key that came later has its default."""
    return {name: ProtocolCard().model_dump(mode="json") | card for _, name, card in _played(run, scores)}


def _played(run: Path, scores: pd.DataFrame) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    for folder in session_folders(run, scores):
        if (path := folder / "protocol.json").is_file():
            yield path, folder.parent.name, read_json(path)
