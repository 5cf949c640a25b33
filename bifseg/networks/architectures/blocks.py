"""What the networks are made of: the contract, convolution units, padding, the classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad

from bifseg.networks.normalisation import Normalisation

_NORM: dict[int, Callable[..., nn.Module]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
_CONV: dict[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}


class Network(nn.Module):
    """A base CNN: `features` looks at the image, `classifier` turns features into two logits a voxel.

    Both keep the spatial shape, or pad behind the image's last voxels: what reaches there is cut off the logits.
    Fine-tuning touches the classifier only.

    Attributes:
        dimension: 2 or 3.
        thickest_first: whether its first axis must be the one with the largest spacing. Crops are turned then.
        normalisation: of images whose modality has no training statistics.
    """

    thickest_first = False
    normalisation = Normalisation(per_image="nonzero-mean-std")

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
        """Logits (1, 2, *shape) of an image (1, channels, *shape)."""
        return self.logits(self.features(image), image.shape[2:])

    def logits(self, features: Tensor, shape: Sequence[int]) -> Tensor:
        """Logits (1, 2, *shape) of the features of an image of that shape."""
        return cut_back(self.classifier(features), shape)

    def parameter_count(self) -> int:
        """Number of trained values."""
        return sum(p.numel() for p in self.parameters())


def unit(
    inputs: int, outputs: int, kernel: tuple[int, ...], instance_norm: bool, **convolution: Any
) -> list[nn.Module]:
    """The layers of one convolution and its ReLU, in 2D or 3D by its kernel.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        kernel: its size along each axis, two or three of them.
        instance_norm: normalise each feature over the crop before the ReLU.
        convolution: padding, dilation.
    """
    dimension = len(kernel)
    layers = [_CONV[dimension](inputs, outputs, kernel, **convolution)]
    if instance_norm:
        layers.append(norm(dimension, outputs))
    return [*layers, nn.ReLU()]


def norm(dimension: int, channels: int) -> nn.Module:
    """Instance norm with a trained scale and offset."""
    return _NORM[dimension](channels, affine=True)


def padded(image: Tensor, multiple: int) -> Tensor:
    """An image (batch, channels, *shape) with zeros, the training mean, behind its last voxel along each axis.

    Each side becomes a multiple, and two of them at the least: instance norm needs more than one voxel on the
    coarsest level.
    """
    sides = [max(2, -(-n // multiple)) * multiple for n in image.shape[2:]]
    return pad_behind(image, sides)


def pad_behind(image: Tensor, sides: Sequence[int]) -> Tensor:
    """An image (batch, channels, *shape) with zeros behind its last voxel along each axis, up to these sides."""
    behind = [(0, side - n) for side, n in zip(sides, image.shape[2:], strict=True)]
    return pad(image, [n for pair in reversed(behind) for n in pair])


def cut_back(values: Tensor, shape: Sequence[int]) -> Tensor:
    """Values (batch, channels, *padded shape) without what lies behind the image's last voxel: undoes padding."""
    return values[(slice(None), slice(None), *(slice(n) for n in shape))]


class PointwiseClassifier(nn.Module):
    """Layers that look at one voxel at a time, each behind dropout, with ReLU between them: 1x1 convolutions.

    Args:
        widths: channels of the features, of each hidden layer, and 2: (320, 128, 2) is block 6 of P-Net.
        dropout: share of a layer's inputs left out in training, one per layer.

    Attributes:
        layers: the same on a matrix (voxels, channels): any selection of voxels can be classified on its own.
    """

    def __init__(self, widths: Sequence[int], dropout: Sequence[float]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for (inputs, outputs), share in zip(pairwise(widths), dropout, strict=True):
            layers += [nn.Dropout(share), nn.Linear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, features: Tensor) -> Tensor:
        """Logits (1, 2, *shape) of features (1, channels, *shape)."""
        logits: Tensor = self.layers(features.movedim(1, -1)).movedim(-1, 1)
        return logits
