"""Architectures by name."""

from __future__ import annotations

from collections.abc import Callable

from bifseg.cards import NetworkCard
from bifseg.errors import BadInput
from bifseg.networks.blocks import Network
from bifseg.networks.deepmedic import DeepMedic
from bifseg.networks.fcn import FCN8s
from bifseg.networks.highres3dnet import HighRes3DNet
from bifseg.networks.pcnet import PCNet
from bifseg.networks.pnet import PNet
from bifseg.networks.unet import UNet

ARCHITECTURES: dict[str, Callable[..., Network]] = {
    "pnet": PNet,
    "fcn": FCN8s,
    "unet": UNet,
    "pcnet": PCNet,
    "deepmedic": DeepMedic,
    "highres3dnet": HighRes3DNet,
}


def build(card: NetworkCard) -> Network:
    """The untrained network of a card; raises BadInput for an unknown architecture or setting."""
    if card.architecture not in ARCHITECTURES:
        raise BadInput(f"architecture: unknown '{card.architecture}'; known are {', '.join(ARCHITECTURES)}")
    try:
        return ARCHITECTURES[card.architecture](**card.settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"settings of {card.architecture}: {error}") from error
