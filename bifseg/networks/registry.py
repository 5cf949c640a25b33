"""Registered architectures, which bifseg trains, and sources of external networks."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError, create_model
from torch import nn

from bifseg.cards.card import Card
from bifseg.cards.cards import NetworkCard, first_problem
from bifseg.core.errors import InputError
from bifseg.core.registry import Registry
from bifseg.networks.architectures.blocks import Network
from bifseg.networks.architectures.deepmedic import DeepMedic
from bifseg.networks.architectures.fcn import FCN8s
from bifseg.networks.architectures.highres3dnet import HighRes3DNet
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.architectures.unet import UNet
from bifseg.networks.external import monai_bundle, torchscript
from bifseg.networks.external.imported_network import ImportedNetwork, ImportedSettings

ARCHITECTURES: Registry[Callable[..., Network]] = Registry(
    "architecture",
    {
        "pnet": PNet,
        "fcn": FCN8s,
        "unet": UNet,
        "pcnet": PCNet,
        "deepmedic": DeepMedic,
        "highres3dnet": HighRes3DNet,
    },
)


class Source(NamedTuple):
    """A kind of external networks.

    Attributes:
        read: returns the content of the user's file or folder, in types that `torch.load` accepts with weights_only.
        make: returns the trained network from that content.
    """

    read: Callable[[Path], dict[str, Any]]
    make: Callable[[dict[str, Any]], nn.Module]


SOURCES: Registry[Source] = Registry(
    "source of networks",
    {
        "torchscript": Source(torchscript.read, torchscript.make),
        "monai-bundle": Source(monai_bundle.read, monai_bundle.make),
    },
)


def build(card: NetworkCard) -> Network:
    """The untrained network of a card.

    Args:
        card: names the architecture and its settings.

    Returns:
        A network with initial weights from torch's random generator.

    Raises:
        InputError: the architecture is unknown or trained elsewhere, a setting is wrong, or the card's dimension is
            not the architecture's.
    """
    if card.architecture in SOURCES:
        raise InputError(f"weights: {card.architecture} is trained elsewhere; name its file or folder")
    if card.architecture not in ARCHITECTURES:
        known = ", ".join([*ARCHITECTURES, *SOURCES])
        raise InputError(f"architecture: unknown '{card.architecture}'; known are {known}")
    if "inputs" in card.settings:
        raise InputError("settings.inputs: remove it; the card's `channels` give the number of inputs")
    arguments = _arguments(card) | ({"inputs": len(card.channels)} if card.channels else {})
    try:
        network = ARCHITECTURES[card.architecture](**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"settings of {card.architecture}: {error}") from error
    if card.dimension not in (None, network.dimension):
        raise InputError(
            f"dimension: is {card.dimension}, {card.architecture} takes {network.dimension}D images"
        )
    return network


def _arguments(card: NetworkCard) -> dict[str, Any]:
    """A card's settings as arguments of its architecture; raises InputError at one that the architecture refuses."""
    parameters = signature(ARCHITECTURES[card.architecture], eval_str=True).parameters
    fields: Any = {name: (known.annotation, known.default) for name, known in parameters.items()}
    try:
        checked = create_model("Settings", __base__=Card, **fields).model_validate(card.settings)
    except ValidationError as error:
        raise InputError(f"settings.{first_problem(error)}") from error
    return {name: getattr(checked, name) for name in card.settings}


def resolved(card: NetworkCard) -> dict[str, Any]:
    """Architecture, channels and settings of a card that can be built, with defaults for what it leaves out.

    Args:
        card: card of a registered architecture or source.

    Returns:
        The keys `architecture`, `channels` and `settings.NAME`, with lists instead of tuples.
    """
    settings = card.settings
    if card.architecture in ARCHITECTURES:
        bound = signature(ARCHITECTURES[card.architecture]).bind(**settings)
        bound.apply_defaults()
        settings = bound.arguments
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
    named = {f"settings.{key}": value for key, value in plain.items()}
    return {"architecture": card.architecture, "channels": list(card.channels), **named}


def restore(card: NetworkCard, weights: dict[str, Any]) -> Network:
    """The trained network of a card.

    Args:
        card: names the architecture and its settings.
        weights: state dict, or for an external network the content that `Source.read` gave.

    Returns:
        The network with these weights.

    Raises:
        InputError: the card is wrong, or the external network does not fit it.
        RuntimeError: the weights are not those of this architecture.
    """
    if card.architecture in SOURCES:
        settings = ImportedSettings.of(card.settings)
        return ImportedNetwork(SOURCES[card.architecture].make(weights), settings, len(card.channels) or 1)
    network = build(card)
    network.load_state_dict(weights)
    return network
