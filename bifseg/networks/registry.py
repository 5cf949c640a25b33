"""Architectures by name: those that are trained here, and the ways to take a network from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from bifseg.cards.cards import NetworkCard
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
from bifseg.networks.external.external import ImportedNetwork, ImportedSettings

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
    """How networks of one kind are imported.

    Attributes:
        read: from the user's file or folder, what is kept of it: values that `torch.load` takes with weights_only.
        make: from what was kept, the trained network.
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
    """The untrained network of a card; raises InputError for an unknown architecture or setting."""
    if card.architecture in SOURCES:
        raise InputError(f"weights: {card.architecture} is trained elsewhere; name its file or folder")
    if card.architecture not in ARCHITECTURES:
        known = ", ".join([*ARCHITECTURES, *SOURCES])
        raise InputError(f"architecture: unknown '{card.architecture}'; known are {known}")
    try:
        network = ARCHITECTURES[card.architecture](**card.settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"settings of {card.architecture}: {error}") from error
    if card.dimension not in (None, network.dimension):
        raise InputError(
            f"dimension: is {card.dimension}, {card.architecture} takes {network.dimension}D images"
        )
    return network


def resolved(card: NetworkCard) -> dict[str, Any]:
    """Architecture and settings of a card that can be built, key by key, with the defaults of what it leaves away."""
    settings = card.settings
    if card.architecture in ARCHITECTURES:
        given = signature(ARCHITECTURES[card.architecture]).bind(**settings)
        given.apply_defaults()
        settings = given.arguments
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
    return {"architecture": card.architecture, **{f"settings.{key}": value for key, value in plain.items()}}


def restore(card: NetworkCard, weights: dict[str, Any]) -> Network:
    """The trained network of a card, from its weights, or from what was kept of an imported one.

    Raises InputError for a wrong card, and what torch raises where the weights are not of this network.
    """
    if card.architecture in SOURCES:
        settings = ImportedSettings.of(card.settings)
        return ImportedNetwork(SOURCES[card.architecture].make(weights), settings)
    network = build(card)
    network.load_state_dict(weights)
    return network
