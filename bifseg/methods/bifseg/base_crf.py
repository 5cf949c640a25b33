"""Base network + CRF: the label update alone, with the network as it was trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from bifseg.cards.finetuning import FineTuning
from bifseg.methods.bifseg.base_net import BaseNet
from bifseg.methods.contract import Mask, Scribbles
from bifseg.networks.trained import TrainedNetwork


class BaseCRF(BaseNet):
    """The min-cut of the base network's probabilities; scribbles are hard constraints.

    Args:
        network: the base network.
        settings: any of `FineTuning`; they replace those that came with the network.
    """

    prompts = frozenset({"box", "scribbles"})

    def __init__(self, network: TrainedNetwork, **settings: Any) -> None:
        super().__init__(network)
        self.settings = FineTuning.defaults(network.network.dimension, **network.finetuning | settings)

    def adapt(self) -> Mask:
        """The min-cut without scribbles: bool, of the image's shape."""
        nothing = np.zeros(self._crop.shape, np.uint8)
        labels = self._tuned.update_labels(nothing)
        return self._crop.to_image(labels, None, self._tuned.probability)

    def refine(self, scribbles: Scribbles) -> Mask:
        """The min-cut that obeys the scribbles: bool, of the image's shape."""
        labels = self._tuned.update_labels(self._crop.label_map(scribbles))
        return self._crop.to_image(labels, scribbles, self._tuned.probability)
