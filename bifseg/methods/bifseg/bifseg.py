"""BIFSeg: the classifier is tuned to the image, first without and then with scribbles."""

from __future__ import annotations

import numpy as np

from bifseg.methods.bifseg.base_crf import BaseCRF
from bifseg.methods.contract import Mask, Scribbles


class BIFSeg(BaseCRF):
    """Image-specific fine-tuning (Wang et al. 2018). With `weighted: false` it is the ablation BIFSeg(-w).

    Every round starts from the trained network (setting `restart`) and takes all scribbles so far.

    Args:
        network: the base network.
        settings: any of `bifseg.cards.finetuning.FineTuning`.
    """

    def adapt(self) -> Mask:
        """The result of fine-tuning without scribbles: bool, of the image's shape."""
        nothing = np.zeros(self._crop.shape, np.uint8)
        labels = self._tuned.fit(nothing)
        return self._crop.to_image(labels, None, self._tuned.probability)

    def refine(self, scribbles: Scribbles) -> Mask:
        """The result of fine-tuning with all scribbles so far: bool, of the image's shape."""
        labels = self._tuned.fit(self._crop.label_map(scribbles))
        return self._crop.to_image(labels, scribbles, self._tuned.probability)
