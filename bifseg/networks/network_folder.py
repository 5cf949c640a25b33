"""The folder of a network: weights.pt, curve.csv and card.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bifseg.cards.cards import NetworkCard
from bifseg.cohorts.cohort import Cohort
from bifseg.core.files import file_hash, write_json
from bifseg.networks.trained import TrainedNetwork


@dataclass(frozen=True)
class CohortFacts:
    """What a network must fit of a cohort."""

    name: str
    dimension: int


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
        trained: the network.
        card: that it was trained by.
        cohort: that it was trained on.
        folder: holds curve.csv already.
        facts: more keys for card.json.
        made_from: what an imported network was made from.
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
    write_json(folder / "card.json", record | facts)
