"""The folder of a network: weights.pt, curve.csv and card.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bifseg.cards.cards import NetworkCard
from bifseg.cohorts.cohort import Cohort
from bifseg.core.files import file_hash, table_text, write_record, write_text
from bifseg.networks.trained import TrainedNetwork

_CURVE = ("iteration", "train_loss", "validation_dice")


@dataclass(frozen=True)
class CohortFacts:
    """The part of a cohort that an external network must fit: its name, for messages, and its dimension."""

    name: str
    dimension: int


def write_curve(folder: Path, validations: Iterable[Mapping[str, float]] = ()) -> None:
    """Write curve.csv, the progress of a training.

    Args:
        folder: the network's folder.
        validations: a row for each, with `iteration`, `train_loss` and `validation_dice`; empty for a network that is
            not trained here.
    """
    rows = ([validation[key] for key in _CURVE] for validation in validations)
    write_text(folder / "curve.csv", table_text(_CURVE, rows, ","))


def write_network(
    trained: TrainedNetwork,
    card: NetworkCard,
    cohort: Cohort | CohortFacts,
    folder: Path,
    facts: dict[str, Any],
    made_from: dict[str, Any] | None = None,
) -> None:
    """Write weights.pt, then card.json with the card, the settings used, and the hashes of weights.pt and curve.csv.

    Args:
        trained: the network in evaluation mode.
        card: the card that it was trained or imported by.
        cohort: the cohort for which it was trained or imported.
        folder: has curve.csv already.
        facts: more keys of card.json.
        made_from: for an imported network, the content of its file; see `registry.Source`.
    """
    path = folder / "weights.pt"
    trained.save(path, card, made_from)
    record = {
        "cohort": cohort.name,
        "card": card.model_dump(mode="json"),
        "parameters": trained.network.parameter_count(),
        "input_size": trained.input_size,
        "finetuning": trained.finetuning,
        "normalisation": trained.normalisation,
        "weights_sha256": file_hash(path),
        "curve_sha256": file_hash(folder / "curve.csv"),
    }
    write_record(folder / "card.json", record | facts)
