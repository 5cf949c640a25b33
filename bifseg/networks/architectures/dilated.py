"""The features of P-Net and PC-Net: five blocks of dilated convolutions, concatenated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from bifseg.cards.card import Positive
from bifseg.networks.architectures.blocks import unit

CONVOLUTIONS = (2, 2, 3, 3, 3)
FiveDilations = Annotated[tuple[Positive, ...], Field(min_length=5, max_length=5)]
"""A dilation for each block."""


class DilatedBlocks(nn.Module):
    """Blocks 1-5 in sequence; the outputs of all are concatenated.

    Args:
        channels: features per block.
        kernels: kernel size per block, in array order.
        dilations: dilation per block, in array order.
        instance_norm: normalise each feature over the crop, after every convolution; not in the paper.
        compressed: channels to which each block's output is compressed before it is concatenated; None: no compression.
        last_block_only: the output of block 5 alone instead of all: the paper's ablation (b5).
        inputs: channels of the image.

    Attributes:
        width: channels of the features.
    """

    def __init__(
        self,
        channels: int,
        kernels: Sequence[tuple[int, ...]],
        dilations: Sequence[tuple[int, ...]],
        instance_norm: bool,
        compressed: int | None = None,
        last_block_only: bool = False,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        self._first_output = len(CONVOLUTIONS) - 1 if last_block_only else 0
        self.blocks, self.outputs = nn.ModuleList(), nn.ModuleList()
        for k, (count, kernel, dilation) in enumerate(zip(CONVOLUTIONS, kernels, dilations, strict=True)):
            widths = [channels if k else inputs] + [channels] * (count - 1)
            self.blocks.append(_block(widths, channels, kernel, dilation, instance_norm))
            if k >= self._first_output:
                self.outputs.append(_compression(channels, compressed, len(kernel)))
        self.width = len(self.outputs) * (compressed or channels)

    def forward(self, image: Tensor) -> Tensor:
        """The features of an image.

        Args:
            image: (1, inputs, *shape).

        Returns:
            (1, width, *shape).
        """
        features = []
        for k, block in enumerate(self.blocks):
            image = block(image)
            if k >= self._first_output:
                features.append(self.outputs[k - self._first_output](image))
        return torch.cat(features, dim=1)


def _block(
    inputs: Sequence[int],
    channels: int,
    kernel: tuple[int, ...],
    dilation: tuple[int, ...],
    instance_norm: bool,
) -> nn.Sequential:
    """A convolution for each number of input channels; the shape stays."""
    padding = tuple(d * (k // 2) for k, d in zip(kernel, dilation, strict=True))
    layers: list[nn.Module] = []
    for width in inputs:
        layers += unit(width, channels, kernel, instance_norm, padding=padding, dilation=dilation)
    return nn.Sequential(*layers)


def _compression(channels: int, compressed: int | None, dimension: int) -> nn.Module:
    if compressed is None:
        return nn.Identity()
    return nn.Sequential(*unit(channels, compressed, (1,) * dimension, instance_norm=False))
