"""Files of a run's folder that the analysis reads besides the scores."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from bifseg.analysis.rules import StoppingRule
from bifseg.cards.cards import LATER_RULES, ProtocolCard
from bifseg.cards.entries import entry_name, split_seed
from bifseg.core.errors import InputError
from bifseg.core.files import read_json, read_record, write_record
from bifseg.core.metrics import MetricInfo, built_in, describe
from bifseg.core.wording import counted
from bifseg.sessions.archive import left_out_of


def session_folders(run: Path, scores: pd.DataFrame) -> list[Path]:
    """The folders of the sessions that the scores are of.

    Args:
        run: RESULTS/RUN, which may also hold sessions of earlier configurations.
        scores: scores of the run.

    Returns:
        Sorted folders, one per cohort, protocol and entry.
    """
    entries = scores[["cohort", "protocol", "method", "network", "training_seed"]].drop_duplicates()
    return sorted(
        run / "sessions" / cohort / protocol / entry_name(method, network, seed)
        for cohort, protocol, method, network, seed in entries.to_numpy()
    )


def write_metrics(metrics: Iterable[MetricInfo], path: Path) -> None:
    """Write the descriptions of metrics.

    Args:
        metrics: the metrics of a run's scores.
        path: RUN/metrics.json.
    """
    write_record(path, {"metrics": [metric.to_record() for metric in metrics]})


def read_metrics(run: Path) -> tuple[MetricInfo, ...]:
    """The metrics of a run's scores, which tables and rankings of this process know from now on.

    Args:
        run: RESULTS/RUN.

    Returns:
        The metrics in RUN/metrics.json; those of bifseg if that file is missing.
    """
    path = run / "metrics.json"
    if not path.is_file():
        return built_in()
    records = read_json(path)
    if not isinstance(records, list):  # older versions wrote a list
        records = read_record(path, "metrics")["metrics"]
    metrics = tuple(map(MetricInfo.from_record, records))
    describe(metrics)
    return metrics


PROVENANCE_KEYS = ("written", "bifseg", "packages", "cohorts", "networks")
"""What every provenance.json holds."""


def read_provenance(run: Path) -> dict[str, Any]:
    """The provenance of a run, or an empty one where there is no provenance.json.

    Args:
        run: RESULTS/RUN.

    Returns:
        Versions, settings and hashes by name.

    Raises:
        InputError: the file is damaged.
    """
    path = run / "provenance.json"
    return read_record(path, *PROVENANCE_KEYS) if path.is_file() else {}


def simulated_cohorts(run: Path) -> set[str]:
    """The cohorts of a run whose images a simulator made.

    Args:
        run: RESULTS/RUN.

    Returns:
        Names of cohorts.
    """
    return {
        path.parent.name
        for path in run.glob("cohorts/*/cohort.json")
        if read_record(path, "simulated")["simulated"]
    }


def left_out(run: Path, scores: pd.DataFrame) -> dict[str, dict[str, str]]:
    """The objects that entries did not play because their case lacks a channel.

    Args:
        run: RESULTS/RUN.
        scores: of the run.

    Returns:
        By cohort, a sentence part for each entry: how many objects, and the reasons.
    """
    parts: dict[str, dict[str, str]] = {}
    for folder in session_folders(run, scores):
        if objects := left_out_of(folder):
            reasons = ", ".join(sorted(set(objects.values())))
            parts.setdefault(folder.parent.parent.name, {})[folder.name] = (
                f"{counted(len(objects), 'object')} for {folder.name} ({reasons})"
            )
    return parts


def played_cards(run: Path, scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The card of each protocol that the scores are of.

    Args:
        run: RESULTS/RUN.
        scores: scores of the run.

    Returns:
        Cards by protocol, from sessions/COHORT/PROTOCOL/ENTRY/protocol.json; a key that an older version did not know
        has the value that plays as that version did. A protocol without that file is left out.

    Raises:
        InputError: entries under one protocol have different stopping rules.
    """
    cards: dict[str, dict[str, Any]] = {}
    defaults = ProtocolCard().model_dump(mode="json")
    for folder in session_folders(run, scores):
        path, name = folder / "protocol.json", folder.parent.name
        if not path.is_file():
            continue
        card = defaults | LATER_RULES | read_record(path)
        rule, other = StoppingRule.of(card), StoppingRule.of(cards.get(name, card))
        if rule != other:
            raise InputError(f"{path}: {rule}, but other sessions of {name} had {other}; run them again")
        cards[name] = card
    return cards


def with_origin(scores: pd.DataFrame, run: Path, commit: str) -> pd.DataFrame:
    """Scores whose rows say where they come from, whatever they are joined with later.

    Args:
        scores: of the run.
        run: RESULTS/RUN.
        commit: of the code; empty if unknown.

    Returns:
        The scores with `commit`, the `seed` of the cohort, and `weights_sha256` of the network; empty where a row has
        no network, or the run has no such cohort or network.
    """
    seeds = {
        path.parent.name: str(read_record(path).get("seed", "")) for path in run.glob("cohorts/*/cohort.json")
    }
    weights = {
        (path.parts[-3], *split_seed(path.parts[-2])): read_record(path).get("weights_sha256", "")
        for path in run.glob("networks/*/*/card.json")
    }
    networks = zip(scores["cohort"], scores["network"], scores["training_seed"], strict=True)
    return scores.assign(
        commit=commit,
        seed=[seeds.get(name, "") for name in scores["cohort"]],
        weights_sha256=[weights.get(network, "") for network in networks],
    )
