"""The shared shape of P-Net and PC-Net: five blocks of dilated convolutions, concatenated, and a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

CONVOLUTIONS = (2, 2, 3, 3, 3)
_NORM: dict[int, Callable[..., nn.Module]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
_CONV: dict[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}


class Network(nn.Module):
    """A base CNN: `features` looks at the image, `classifier` turns features into two logits a voxel.

    Both keep the spatial shape. Fine-tuning touches the classifier only.

    Attributes:
        dimension: 2 or 3.
    """

    def __init__(self, dimension: int, features: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.dimension = dimension
        self.features = features
        self.classifier = classifier
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Logits (1, 2, *shape) of an image (1, channels, *shape)."""
        logits: Tensor = self.classifier(self.features(image))
        return logits

    def parameter_count(self) -> int:
        """Number of trained values."""
        return sum(p.numel() for p in self.parameters())


class DilatedBlocks(nn.Module):
    """Blocks 1-5: each takes the block before; the outputs of all are concatenated.

    Args:
        kernels: kernel size per block, in array order.
        dilations: dilation per block, in array order.
        instance_norm: normalise each feature over the crop, after every convolution; not in the paper.
        compressed: channels to which each block's output is compressed before it is concatenated; None: as it is.
    """

    def __init__(
        self,
        channels: int,
        kernels: Sequence[tuple[int, ...]],
        dilations: Sequence[tuple[int, ...]],
        instance_norm: bool,
        compressed: int | None = None,
    ) -> None:
        super().__init__()
        conv, norm = _CONV[len(kernels[0])], _NORM[len(kernels[0])]
        inputs = 1
        self.blocks, self.outputs = nn.ModuleList(), nn.ModuleList()
        for count, kernel, dilation in zip(CONVOLUTIONS, kernels, dilations, strict=True):
            padding = tuple(d * (k // 2) for k, d in zip(kernel, dilation, strict=True))
            layers: list[nn.Module] = []
            for _ in range(count):
                layers.append(conv(inputs, channels, kernel, padding=padding, dilation=dilation))
                layers += [norm(channels, affine=True), nn.ReLU()] if instance_norm else [nn.ReLU()]
                inputs = channels
            self.blocks.append(nn.Sequential(*layers))
            squeeze = nn.Sequential(conv(channels, compressed, 1), nn.ReLU()) if compressed else nn.Identity()
            self.outputs.append(squeeze)

    def forward(self, image: Tensor) -> Tensor:
        """Features (1, blocks x channels, *shape)."""
        found = []
        for block, output in zip(self.blocks, self.outputs, strict=True):
            image = block(image)
            found.append(output(image))
        return torch.cat(found, dim=1)


class PointwiseClassifier(nn.Module):
    """Block 6 of P-Net: two layers that look at one voxel at a time, each behind dropout.

    Attributes:
        layers: the same on a matrix (voxels, channels): any selection of voxels can be classified on its own.
    """

    def __init__(self, inputs: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(inputs, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 2),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits (1, 2, *shape) of features (1, channels, *shape)."""
        logits: Tensor = self.layers(features.movedim(1, -1)).movedim(-1, 1)
        return logits
