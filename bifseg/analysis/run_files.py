"""What the analysis reads from a run folder beside its scores."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from bifseg.analysis.rules import StoppingRule
from bifseg.cards.cards import ProtocolCard
from bifseg.cards.entries import entry_name
from bifseg.core.errors import InputError
from bifseg.core.files import read_json, write_json
from bifseg.core.metrics import MetricInfo, built_in, describe


def session_folders(run: Path, scores: pd.DataFrame) -> list[Path]:
    """Where the sessions of the scores lie; beside them there may be those of an earlier configuration."""
    entries = scores[["cohort", "protocol", "method", "network"]].drop_duplicates().to_numpy()
    return sorted(
        run / "sessions" / cohort / protocol / entry_name(method, network)
        for cohort, protocol, method, network in entries
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


def played_cards(run: Path, scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The whole card of each protocol of the scores, by name; a key that came later has its default.

    Read from RUN/sessions/COHORT/PROTOCOL/ENTRY/protocol.json; a protocol without such a file is left out.

    Raises:
        InputError: entries of one protocol were stopped by different rules.
    """
    cards: dict[str, dict[str, Any]] = {}
    defaults = ProtocolCard().model_dump(mode="json")
    for folder in session_folders(run, scores):
        path, name = folder / "protocol.json", folder.parent.name
        if not path.is_file():
            continue
        card = defaults | read_json(path)
        rule, other = StoppingRule.of(card), StoppingRule.of(cards.setdefault(name, card))
        if rule != other:
            raise InputError(f"{path}: {rule}, but other sessions of {name} had {other}; run them again")
        cards[name] = card
    return cards
