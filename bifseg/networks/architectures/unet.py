"""U-Net, a compared 2D network (Ronneberger, Fischer and Brox, MICCAI 2015)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bifseg.cards.card import Positive
from bifseg.cards.training import Share
from bifseg.networks.architectures.blocks import Network, PointwiseClassifier, cut_back, padded, unit

LEVELS = 5


class UNet(Network):
    """2D network of four levels down and up; the classifier is its last 1x1 convolution.

    With 64 channels: 31,030,658 parameters (31,030,528 features, 130 classifier), as published (31 M). Its
    convolutions keep the shape ("same" padding); the original's shrink it. The receptive field is 140 x 140 pixels on
    the coarsest level and 188 to 204 a side at the output, which depends on a pixel's position on the coarser levels.

    Args:
        channels: features of the first level (64 in the original), doubled on each level down.
        dropout: behind the two lowest levels of the way down, in training only.
        instance_norm: normalise each feature over the crop, after every 3x3 convolution; not in the original.
        inputs: channels of the image.
    """

    def __init__(
        self, channels: Positive = 64, dropout: Share = 0.5, instance_norm: bool = False, inputs: int = 1
    ) -> None:
        features = DownAndUp(channels, dropout, instance_norm, inputs)
        super().__init__(2, features, PointwiseClassifier((channels, 2), (0.0,)))


class DownAndUp(nn.Module):
    """The contracting and the expanding path: all of U-Net but the last layer.

    Args:
        channels: features of the first level, doubled on each level down.
        dropout: behind the two lowest levels of the way down, in training only.
        instance_norm: normalise each feature over the crop, after every 3x3 convolution.
        inputs: channels of the image.
    """

    def __init__(self, channels: int, dropout: float, instance_norm: bool, inputs: int = 1) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(LEVELS)]
        self.pool = nn.MaxPool2d(2)
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level, (incoming, width) in enumerate(zip([inputs, *widths], widths, strict=False)):
            share = dropout if level >= LEVELS - 2 else 0.0
            self.down.append(nn.Sequential(*_pair(incoming, width, instance_norm), nn.Dropout(share)))
        for width in reversed(widths[:-1]):
            self.up.append(nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            self.merge.append(nn.Sequential(*_pair(2 * width, width, instance_norm)))

    def forward(self, image: Tensor) -> Tensor:
        """The features of an image.

        Args:
            image: (1, inputs, y, x).

        Returns:
            (1, channels, y, x).
        """
        features = self.down[0](padded(image, 2 ** (LEVELS - 1)))
        skips = []
        for level in self.down[1:]:
            skips.append(features)
            features = level(self.pool(features))
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            features = merge(torch.cat([skip, up(features)], dim=1))
        return cut_back(features, image.shape[2:])


def _pair(inputs: int, outputs: int, instance_norm: bool) -> list[nn.Module]:
    first = unit(inputs, outputs, (3, 3), instance_norm, padding=1)
    return first + unit(outputs, outputs, (3, 3), instance_norm, padding=1)
