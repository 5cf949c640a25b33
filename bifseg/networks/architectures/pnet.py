"""P-Net, the 2D base network (Wang et al. 2018, Fig. 2)."""

from __future__ import annotations

from bifseg.cards.card import Positive
from bifseg.cards.training import Share
from bifseg.networks.architectures.blocks import Network, PointwiseClassifier
from bifseg.networks.architectures.dilated import DilatedBlocks, FiveDilations


class PNet(Network):
    """Resolution-preserving 2D network with dilations 1, 2, 4, 8, 16 and a pointwise classifier.

    With 64 channels: 485,122 parameters (443,776 features, 41,346 classifier); receptive field 181 x 181.

    Args:
        channels: features per block (64 in the paper).
        dilations: one per block.
        dropout: before each layer of the classifier, in training only.
        instance_norm: normalise each feature over the crop; trains faster, not in the paper.
        last_block_only: P-Net(b5), the paper's ablation: the classifier sees block 5 alone (452,354 parameters).
        inputs: channels of the image.
    """

    def __init__(
        self,
        channels: Positive = 64,
        dilations: FiveDilations = (1, 2, 4, 8, 16),
        dropout: Share = 0.5,
        instance_norm: bool = False,
        last_block_only: bool = False,
        inputs: int = 1,
    ) -> None:
        features = DilatedBlocks(
            channels,
            [(3, 3)] * 5,
            [(d, d) for d in dilations],
            instance_norm,
            last_block_only=last_block_only,
            inputs=inputs,
        )
        classifier = PointwiseClassifier((features.width, 2 * channels, 2), (dropout, dropout))
        super().__init__(2, features, classifier)
