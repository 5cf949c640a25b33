"""DeepMedic, a compared 3D network (Kamnitsas et al., Medical Image Analysis 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, interpolate, pad

from bifseg.cards.card import Positive
from bifseg.cards.training import Share
from bifseg.networks.architectures.blocks import Network, PointwiseClassifier, cut_back, padded, unit

COARSE = 3
WIDTHS = (30, 30, 40, 40, 40, 40, 50, 50)


class DeepMedic(Network):
    """3D network of two pathways of valid 3x3x3 convolutions, on the image and on the image at 1/3 resolution.

    The original takes patches with their surroundings. Ours takes a whole crop, padded with zeros (the training mean)
    by one voxel a side for each convolution: eight on the image, eight coarse ones on the image at 1/3. Coarse voxels
    are means over 3x3x3; coarse features are upsampled by repetition.

    With the original's widths: 655,962 parameters (617,860 features, 38,102 classifier). A voxel's features see
    17 x 17 x 17 voxels on the image and 17 x 17 x 17 coarse ones: 51 x 51 x 51. We replace the original's batch norm
    by instance norm, since the batch is 1, and its PReLU by ReLU.

    Args:
        widths: features of each convolution of a pathway.
        hidden: features of both hidden layers of the classifier.
        dropout: before the last two layers of the classifier, in training only.
        instance_norm: normalise each feature over the crop, after every convolution of the pathways.
        inputs: channels of the image.
    """

    def __init__(
        self,
        widths: Annotated[Sequence[Positive], Field(min_length=1)] = WIDTHS,
        hidden: Positive = 150,
        dropout: Share = 0.5,
        instance_norm: bool = False,
        inputs: int = 1,
    ) -> None:
        layers = (2 * widths[-1], hidden, hidden, 2)
        classifier = PointwiseClassifier(layers, (0.0, dropout, dropout))
        super().__init__(3, Pathways(widths, instance_norm, inputs), classifier)


class Pathways(nn.Module):
    """The last features of both pathways, concatenated on the image's voxels.

    Args:
        widths: features of each convolution of a pathway.
        instance_norm: normalise each feature over the crop, after every convolution.
        inputs: channels of the image.
    """

    def __init__(self, widths: Sequence[int], instance_norm: bool, inputs: int = 1) -> None:
        super().__init__()
        self.fine, self.coarse = (_pathway(inputs, widths, instance_norm) for _ in range(2))
        self._padding = [len(widths)] * 6

    def forward(self, image: Tensor) -> Tensor:
        """The features of an image.

        Args:
            image: (1, inputs, *shape).

        Returns:
            (1, 2 x last width, *shape).
        """
        fine = self.fine(pad(image, self._padding))
        coarse = self.coarse(pad(avg_pool3d(padded(image, COARSE), COARSE), self._padding))
        repeated = cut_back(interpolate(coarse, scale_factor=COARSE, mode="nearest"), image.shape[2:])
        return torch.cat([fine, repeated], dim=1)


def _pathway(channels: int, widths: Sequence[int], instance_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip([channels, *widths], widths, strict=False):
        layers += unit(inputs, outputs, (3, 3, 3), instance_norm)
    return nn.Sequential(*layers)
