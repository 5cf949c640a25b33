"""Parts of the networks: their base class, convolution units, padding, the classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad

from bifseg.networks.architectures.convolution import Convolution3d
from bifseg.networks.normalisation import Normalisation

_NORM: dict[int, Callable[..., nn.Module]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
_CONV: dict[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: Convolution3d}


class Network(nn.Module):
    """A base CNN: `features` of the image, and `classifier`, which gives two logits for each voxel.

    Both keep the spatial shape, or pad it behind the last voxel of each axis; `logits` cuts the padding off.
    Fine-tuning changes only the classifier.

    Args:
        dimension: 2 or 3.
        features: maps an image (1, inputs, *shape) to features (1, channels, *shape).
        classifier: maps features to logits (1, 2, *shape): background, foreground.

    Attributes:
        thickest_first: whether the first axis of a crop must be the one with the largest spacing.
        normalisation: the rule for images of a modality without training statistics.
        channel_normalisation: other rules for some channels, by name.
    """

    thickest_first = False
    normalisation = Normalisation(per_image="nonzero-mean-std")
    channel_normalisation: Mapping[str, Normalisation] = {}

    def __init__(self, dimension: int, features: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.dimension = dimension
        self.features = features
        self.classifier = classifier
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """The logits of an image.

        Args:
            image: (1, inputs, *shape), normalised.

        Returns:
            (1, 2, *shape): background, foreground.
        """
        return self.logits(self.features(image), image.shape[2:])

    def logits(self, features: Tensor, shape: Sequence[int]) -> Tensor:
        """The logits of features.

        Args:
            features: (1, channels, *padded shape).
            shape: shape of the image.

        Returns:
            (1, 2, *shape): background, foreground.
        """
        return cut_back(self.classifier(features), shape)

    def parameter_count(self) -> int:
        """The number of trained parameters.

        Returns:
            Parameters of features and classifier together.
        """
        return sum(p.numel() for p in self.parameters())


def unit(
    inputs: int, outputs: int, kernel: tuple[int, ...], instance_norm: bool, **convolution: Any
) -> list[nn.Module]:
    """The layers of one convolution and its ReLU.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        kernel: size along each axis; its length, 2 or 3, is the dimension.
        instance_norm: normalise each feature over the crop before the ReLU.
        **convolution: `padding` and `dilation` of the convolution.

    Returns:
        Two layers, or three with instance norm.
    """
    dimension = len(kernel)
    layers = [_CONV[dimension](inputs, outputs, kernel, **convolution)]
    if instance_norm:
        layers.append(norm(dimension, outputs))
    return [*layers, nn.ReLU()]


def norm(dimension: int, channels: int) -> nn.Module:
    """Instance norm with a trained scale and offset.

    Args:
        dimension: 2 or 3.
        channels: number of channels.

    Returns:
        The layer.
    """
    return _NORM[dimension](channels, affine=True)


def padded(image: Tensor, multiple: int) -> Tensor:
    """An image padded with zeros, the training mean, behind its last voxel along each axis.

    Args:
        image: (batch, channels, *shape).
        multiple: each side becomes a multiple of this, at least twice, since instance norm needs more than one voxel
            on the coarsest level.

    Returns:
        (batch, channels, *padded shape).
    """
    sides = [max(2, -(-n // multiple)) * multiple for n in image.shape[2:]]
    return pad_behind(image, sides)


def pad_behind(image: Tensor, sides: Sequence[int]) -> Tensor:
    """An image padded with zeros behind its last voxel along each axis.

    Args:
        image: (batch, channels, *shape).
        sides: voxels of the result per axis, at least those of the image.

    Returns:
        (batch, channels, *sides).
    """
    behind = [(0, side - n) for side, n in zip(sides, image.shape[2:], strict=True)]
    return pad(image, [n for pair in reversed(behind) for n in pair])


def cut_back(values: Tensor, shape: Sequence[int]) -> Tensor:
    """Values without the padding behind the image's last voxel.

    Args:
        values: (batch, channels, *padded shape).
        shape: shape of the image.

    Returns:
        (batch, channels, *shape), a view.
    """
    return values[(slice(None), slice(None), *(slice(n) for n in shape))]


class PointwiseClassifier(nn.Module):
    """1x1 convolutions, each after dropout, with ReLU between them; every voxel is classified on its own.

    Args:
        widths: channels of the features, of each hidden layer, and 2: (320, 128, 2) is block 6 of P-Net.
        dropout: share of a layer's inputs left out in training, one per layer.

    Attributes:
        layers: the same layers for a matrix (voxels, channels) of any selection of voxels.
    """

    def __init__(self, widths: Sequence[int], dropout: Sequence[float]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for (inputs, outputs), share in zip(pairwise(widths), dropout, strict=True):
            layers += [nn.Dropout(share), nn.Linear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, features: Tensor) -> Tensor:
        """The logits of features.

        Args:
            features: (1, channels, *shape).

        Returns:
            (1, 2, *shape): background, foreground.
        """
        logits: Tensor = self.layers(features.movedim(1, -1)).movedim(-1, 1)
        return logits
