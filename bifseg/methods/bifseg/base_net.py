"""The base network alone: initial segmentation inside the box (Wang et al. 2018, section III-B)."""

from __future__ import annotations

from bifseg.cards.finetuning import FineTuning
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.methods.contract import Box, Image, Mask, Scribbles
from bifseg.networks.crops import Crop
from bifseg.networks.trained import TrainedNetwork


class BaseNet:
    """The network's answer: foreground where its probability is at least 0.5. Takes no scribbles.

    Args:
        network: the base network; `settings` has its card's fine-tuning settings.
    """

    prompts = frozenset({"box"})

    def __init__(self, network: TrainedNetwork) -> None:
        self._trained = network
        self.dimensions = frozenset({network.network.dimension})
        self.settings = FineTuning.defaults(network.network.dimension, **network.finetuning)
        self.seconds: dict[str, float] = {}

    def start(self, image: Image, box: Box) -> Mask:
        """The initial segmentation.

        Args:
            image: of the network's dimension, (y, x) or (z, y, x).
            box: in voxels of the image; the network sees the box with its margin.

        Returns:
            Bool mask of the image's shape, False outside the box.
        """
        computed = self._trained.computed
        computed.begin(image, box)
        self._crop: Crop = computed.once("crop", lambda: self._trained.crop(image, box))
        self._tuned = ImageSpecificNetwork(self._trained, self._crop, self.settings)
        self.seconds = self._tuned.seconds
        return self._crop.to_image(self._tuned.probability)

    def refine(self, scribbles: Scribbles) -> Mask:  # noqa: D102 - no session calls it
        raise NotImplementedError("the base network takes no scribbles")
