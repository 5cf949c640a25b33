"""Base network + CRF: the label update alone, with the network as it was trained."""

from __future__ import annotations

from typing import Any

from bifseg.cards.finetuning import FineTuning
from bifseg.methods.bifseg.base_net import BaseNet
from bifseg.methods.contract import Mask, Scribbles
from bifseg.networks.trained import TrainedNetwork


class BaseCRF(BaseNet):
    """The min-cut of the base network's probabilities; scribbles are hard constraints.

    Args:
        network: the base network, never changed.
        **settings: fields of `FineTuning`; they replace those of the network's card.
    """

    prompts = frozenset({"box", "scribbles"})

    def __init__(self, network: TrainedNetwork, **settings: Any) -> None:
        super().__init__(network)
        self.settings = FineTuning.defaults(network.network.dimension, **network.finetuning | settings)

    def adapt(self) -> Mask:
        """The min-cut without scribbles.

        Returns:
            Bool mask of the image's shape.
        """
        labels = self._tuned.labels_alone()
        return self._crop.to_image(labels, None, self._tuned.probability)

    def refine(self, scribbles: Scribbles) -> Mask:
        """The min-cut with the scribbles as hard constraints.

        Args:
            scribbles: all so far; those outside the box have no effect.

        Returns:
            Bool mask of the image's shape.
        """
        labels = self._tuned.update_labels(self._crop.label_map(scribbles))
        return self._crop.to_image(labels, scribbles, self._tuned.probability)
