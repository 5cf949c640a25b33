"""FCN-8s, a compared 2D network (Long, Shelhamer and Darrell, CVPR 2015): a convolutional VGG16."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from bifseg.cards.card import Positive
from bifseg.cards.training import Share
from bifseg.networks.architectures.blocks import Network, PointwiseClassifier, cut_back, padded, unit

GROUPS = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))  # VGG16: convolutions, and their width in `channels`


class FCN8s(Network):
    """2D network of five groups of convolutions with pooling; pool3, pool4 and fc7 are scored together.

    The original scores each with a 1x1 convolution, upsamples bilinearly and sums. 1x1 convolutions commute with
    bilinear upsampling, so we upsample the features and score them all with one linear layer: the same function,
    which costs 4,864 features a pixel.

    With 64 channels: 134,269,122 parameters (134,259,392 features, 9,730 classifier); published: 134 M. The first
    layer has one input channel, not three, upsampling is fixed, and the three scores share one bias. fc7 sees
    404 x 404 pixels, as published. It is trained from scratch; the original starts from ImageNet. Padding is 1 a
    convolution (3 in fc6), where the original pads the image by 100.

    Args:
        channels: features of the first group (64 in VGG16); all groups scale with it.
        fc: features of fc6 and fc7 (4096 in VGG16).
        dropout: behind fc6 and fc7, in training only.
        instance_norm: normalise each feature of the five groups over the crop; not in the original.
        inputs: channels of the image.
    """

    def __init__(
        self,
        channels: Positive = 64,
        fc: Positive = 4096,
        dropout: Share = 0.5,
        instance_norm: bool = False,
        inputs: int = 1,
    ) -> None:
        features = SkipFeatures(channels, fc, dropout, instance_norm, inputs)
        super().__init__(2, features, PointwiseClassifier((features.width, 2), (0.0,)))


class SkipFeatures(nn.Module):
    """pool3, pool4 and fc7, concatenated on the image's pixels.

    Args:
        channels: features of the first group; all groups scale with it.
        fc: features of fc6 and fc7.
        dropout: behind fc6 and fc7, in training only.
        instance_norm: normalise each feature of the five groups over the crop.
        inputs: channels of the image.

    Attributes:
        width: channels of the features.
    """

    def __init__(self, channels: int, fc: int, dropout: float, instance_norm: bool, inputs: int = 1) -> None:
        super().__init__()
        self.groups = nn.ModuleList()
        for count, factor in GROUPS:
            layers: list[nn.Module] = []
            for _ in range(count):
                layers += unit(inputs, factor * channels, (3, 3), instance_norm, padding=1)
                inputs = factor * channels
            self.groups.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
        fc6, fc7 = unit(inputs, fc, (7, 7), False, padding=3), unit(fc, fc, (1, 1), False)
        self.fc = nn.Sequential(*fc6, nn.Dropout(dropout), *fc7, nn.Dropout(dropout))
        self.width = 4 * channels + 8 * channels + fc

    def forward(self, image: Tensor) -> Tensor:
        """The features of an image, upsampled as in the original: twofold to pool4 and pool3, then eightfold.

        Args:
            image: (1, inputs, y, x).

        Returns:
            (1, width, y, x).
        """
        pools = [padded(image, 32)]
        for group in self.groups:
            pools.append(group(pools[-1]))
        features = self.fc(pools[5])
        for pool in (pools[4], pools[3]):
            features = torch.cat([_upsampled(features, 2), pool], dim=1)
        return cut_back(_upsampled(features, 8), image.shape[2:])


def _upsampled(features: Tensor, factor: int) -> Tensor:
    return interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)
