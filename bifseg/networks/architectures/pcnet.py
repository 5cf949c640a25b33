"""PC-Net, the 3D base network: P-Net with feature compression (Wang et al. 2018, Fig. 2)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from bifseg.cards.training import Share
from bifseg.networks.architectures.blocks import Network, PointwiseClassifier
from bifseg.networks.architectures.convolution import Convolution3d
from bifseg.networks.architectures.dilated import DilatedBlocks, FiveDilations


class PCNet(Network):
    """3D network with in-plane dilations 1-5, 3x3x3 kernels in blocks 1-2 and 3x3 in-plane ones in blocks 3-5.

    The receptive field of the features is 85 x 85 in the plane and 9 slices. The first axis is the through-plane
    axis: crops are reoriented so that it has the largest spacing. Each block's output is compressed to a quarter of its
    channels before it is concatenated.

    Args:
        channels: features per block (default 32: 171,530 parameters with the 3x3x3 head).
        dilations: in-plane, one per block.
        head: `3x3x3` (1x1x1 convolution to `channels`, then 3x3x3 to the classes) or `1x1x1` (as P-Net's). Our
            default; the paper's choice could not be checked. `1x1x1` makes fine-tuning several times faster.
        dropout: before each layer of the `1x1x1` head, in training only.
        instance_norm: normalise each feature over the crop; trains faster, not in the paper.
        last_block_only: PC-Net(b5), the paper's ablation: the classifier sees block 5 alone, compressed.
        inputs: channels of the image.
    """

    thickest_first = True

    def __init__(
        self,
        channels: Annotated[int, Field(ge=4)] = 32,
        dilations: FiveDilations = (1, 2, 3, 4, 5),
        head: Literal["3x3x3", "1x1x1"] = "3x3x3",
        dropout: Share = 0.5,
        instance_norm: bool = False,
        last_block_only: bool = False,
        inputs: int = 1,
    ) -> None:
        kernels = [(3, 3, 3)] * 2 + [(1, 3, 3)] * 3
        features = DilatedBlocks(
            channels,
            kernels,
            [(1, d, d) for d in dilations],
            instance_norm,
            compressed=channels // 4,
            last_block_only=last_block_only,
            inputs=inputs,
        )
        if head == "1x1x1":
            classifier: nn.Module = PointwiseClassifier((features.width, channels, 2), (dropout, dropout))
        elif head == "3x3x3":
            mix, last = Convolution3d(features.width, channels, 1), Convolution3d(channels, 2, 3, padding=1)
            classifier = nn.Sequential(mix, nn.ReLU(), last)
        else:
            raise ValueError(f"head: unknown '{head}'; known are 3x3x3, 1x1x1")
        super().__init__(3, features, classifier)
