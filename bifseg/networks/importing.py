"""Import of base networks that were trained elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bifseg.cards.cards import NetworkCard
from bifseg.cards.finetuning import FineTuning
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError
from bifseg.networks.external.imported_network import ImportedSettings
from bifseg.networks.network_folder import CohortFacts, write_curve, write_network
from bifseg.networks.registry import SOURCES, build, resolved, restore
from bifseg.networks.trained import DEFAULT_INPUT_SIZE, TrainedNetwork, stored_card
from bifseg.networks.training_data import stated_training_data


def import_network(card: NetworkCard, weights: Path, cohort: Cohort | CohortFacts, folder: Path) -> None:
    """Write weights.pt, curve.csv and card.json of a network that was trained elsewhere.

    Fine-tuning settings are those of the card and the defaults of this version, since settings that were chosen for an
    older version can be wrong in this one. card.json lists the file's other settings under `unused_finetuning`.

    Args:
        card: names the architecture and its settings.
        weights: weights.pt of another run, a TorchScript file or the folder of a MONAI bundle, by the architecture.
        cohort: the network must have its dimension.
        folder: folder of the three files; curve.csv has no row.

    Raises:
        InputError: the weights cannot be read, or card, weights and cohort do not fit together.
    """
    take = _imported if card.architecture in SOURCES else _own
    trained, made_from = take(card, weights)
    if trained.network.dimension != cohort.dimension:
        dimension = trained.network.dimension
        raise InputError(
            f"{weights}: weights: the network is {dimension}D, cohort {cohort.name} is {cohort.dimension}D"
        )
    finetuned = replace(trained, finetuning=FineTuning.checked(card.finetuning))
    facts: dict[str, Any] = {"weights_from": str(weights), **stated_training_data(card, weights, folder)}
    if unused := _unused(trained, card):
        facts["unused_finetuning"] = unused
    write_curve(folder)
    write_network(finetuned, card, cohort, folder, facts, made_from)


def _unused(trained: TrainedNetwork, card: NetworkCard) -> dict[str, Any]:
    """The fine-tuning settings of a weights file that are neither in the card nor the defaults."""
    used = FineTuning.defaults(trained.network.dimension).model_dump()
    return {
        key: value
        for key, value in trained.finetuning.items()
        if key not in card.finetuning and value != used.get(key)
    }


def _own(card: NetworkCard, weights: Path) -> tuple[TrainedNetwork, None]:
    """The network of another run's weights.pt; its input size applies if the card has none."""
    build(card)  # raises if the card itself is wrong
    trained, stored = TrainedNetwork.load(weights), resolved(stored_card(weights))
    for key, value in resolved(card).items():
        if stored.get(key) != value:
            raise InputError(
                f"{weights}: weights: {key} is {stored.get(key)} in the file and {value} on the card"
            )
    return replace(trained, input_size=card.input_size or trained.input_size), None


def _imported(card: NetworkCard, weights: Path) -> tuple[TrainedNetwork, dict[str, Any]]:
    """A network of another program, and the content of its file that weights.pt stores."""
    settings = ImportedSettings.of(card.settings)
    if settings.shape and card.input_size:
        raise InputError("input_size: leave it out; `shape` already states the size of crops")
    size = tuple(settings.shape or ()) or card.input_size or DEFAULT_INPUT_SIZE[settings.dimension]
    try:
        content = SOURCES[card.architecture].read(weights)
        network = restore(card, content)
    except InputError as error:
        raise InputError(f"{weights}: {error}") from error
    channels = tuple(card.channels)
    unknown = [name for name in settings.channel_normalisation if channels and name not in channels]
    if unknown:
        raise InputError(
            f"settings.channel_normalisation: {unknown[0]} is no channel of the network; write one of `channels`: "
            f"{', '.join(channels)}"
        )
    return TrainedNetwork(network.eval(), size, {}, torch.device("cpu"), channels=channels), content
