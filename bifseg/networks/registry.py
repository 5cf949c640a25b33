"""Architectures by name."""

from __future__ import annotations

from collections.abc import Callable

from bifseg.cards import NetworkCard
from bifseg.errors import BadInput
from bifseg.networks.blocks import Network
from bifseg.networks.pcnet import PCNet
from bifseg.networks.pnet import PNet

ARCHITECTURES: dict[str, Callable[..., Network]] = {"pnet": PNet, "pcnet": PCNet}


def build(card: NetworkCard) -> Network:
    """The untrained network of a card; raises BadInput for an unknown architecture or setting."""
    if card.architecture not in ARCHITECTURES:
        raise BadInput(f"architecture: unknown '{card.architecture}'; known are {', '.join(ARCHITECTURES)}")
    try:
        return ARCHITECTURES[card.architecture](**card.settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"settings of {card.architecture}: {error}") from error
