"""HighRes3DNet, a compared 3D network (Li et al., IPMI 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad

from bifseg.cards.card import Positive
from bifseg.cards.training import Share
from bifseg.networks.architectures.blocks import Network, PointwiseClassifier, norm, unit
from bifseg.networks.architectures.convolution import Convolution3d

DILATIONS = (1, 2, 4)
BLOCKS_PER_STAGE = 3


class HighRes3DNet(Network):
    """Resolution-preserving 3D network: a convolution, then three stages of three residual blocks.

    The stages' convolutions are dilated by 1, 2 and 4.

    With the original's widths: 808,274 parameters (802,912 features, 5,362 classifier), 1,280 more with instance
    norm; published: 0.81 M, for 160 classes and with batch norm, which we replace by instance norm, since the batch
    is 1. Receptive field 87 x 87 x 87, as published.

    Args:
        widths: features of each stage; the first convolution has the first stage's.
        hidden: features of the classifier's hidden layer.
        dropout: before the last layer, in training only (0.5 in the original's variant with dropout).
        instance_norm: normalise each feature over the crop, before every convolution of the blocks.
        inputs: channels of the image.
    """

    def __init__(
        self,
        widths: Annotated[Sequence[Positive], Field(min_length=3, max_length=3)] = (16, 32, 64),
        hidden: Positive = 80,
        dropout: Share = 0.0,
        instance_norm: bool = False,
        inputs: int = 1,
    ) -> None:
        layers: list[nn.Module] = unit(inputs, widths[0], (3, 3, 3), instance_norm, padding=1)
        inputs = widths[0]
        for width, dilation in zip(widths, DILATIONS, strict=True):
            for _ in range(BLOCKS_PER_STAGE):
                layers.append(ResidualBlock(inputs, width, dilation, instance_norm))
                inputs = width
        classifier = PointwiseClassifier((inputs, hidden, 2), (0.0, dropout))
        super().__init__(3, nn.Sequential(*layers), classifier)


class ResidualBlock(nn.Module):
    """Two pre-activated 3x3x3 convolutions, added to their input; additional features are added to zeros.

    Args:
        inputs: number of input channels.
        outputs: number of output channels, at least as many.
        dilation: dilation of both convolutions.
        instance_norm: normalise each feature over the crop, before every convolution.
    """

    def __init__(self, inputs: int, outputs: int, dilation: int, instance_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            layers += [norm(3, channels), nn.ReLU()] if instance_norm else [nn.ReLU()]
            layers.append(Convolution3d(channels, outputs, 3, padding=dilation, dilation=dilation))
        self.layers = nn.Sequential(*layers)
        new = outputs - inputs
        self._widening = [0, 0, 0, 0, 0, 0, new // 2, new - new // 2]

    def forward(self, image: Tensor) -> Tensor:
        """The block's output.

        Args:
            image: features (1, inputs, *shape).

        Returns:
            Features (1, outputs, *shape).
        """
        widened: Tensor = pad(image, self._widening) + self.layers(image)
        return widened
