"""BIFSeg: fine-tunes the classifier to the image, first without and then with scribbles."""

from __future__ import annotations

from bifseg.methods.bifseg.base_crf import BaseCRF
from bifseg.methods.contract import Mask, Scribbles


class BIFSeg(BaseCRF):
    """Image-specific fine-tuning (Wang et al. 2018). With `weighted: false` it is the ablation BIFSeg(-w).

    Every round starts from the trained network (setting `restart`) and takes all scribbles so far.

    Args:
        network: the base network, never changed.
        **settings: fields of `bifseg.cards.finetuning.FineTuning`; they replace those of the network's card.
    """

    def adapt(self) -> Mask:
        """The result of fine-tuning without scribbles.

        Returns:
            Bool mask of the image's shape.
        """
        labels = self._tuned.fit_alone()
        return self._crop.to_image(labels, None, self._tuned.probability)

    def refine(self, scribbles: Scribbles) -> Mask:
        """The result of fine-tuning with the scribbles, which are hard constraints of the min-cut.

        Args:
            scribbles: all so far; those outside the box have no effect.

        Returns:
            Bool mask of the image's shape.
        """
        labels = self._tuned.fit(self._crop.label_map(scribbles))
        return self._crop.to_image(labels, scribbles, self._tuned.probability)
