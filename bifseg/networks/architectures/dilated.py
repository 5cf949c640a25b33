"""The features of P-Net and PC-Net: five blocks of dilated convolutions, concatenated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bifseg.networks.architectures.blocks import unit

CONVOLUTIONS = (2, 2, 3, 3, 3)


class DilatedBlocks(nn.Module):
    """Blocks 1-5: each takes the block before; the outputs of all are concatenated.

    Args:
        kernels: kernel size per block, in array order.
        dilations: dilation per block, in array order.
        instance_norm: normalise each feature over the crop, after every convolution; not in the paper.
        compressed: channels to which each block's output is compressed before it is concatenated; None: as it is.
        last_block_only: the output of block 5 alone instead of all: the paper's ablation (b5).

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
    ) -> None:
        super().__init__()
        self._first_kept = len(CONVOLUTIONS) - 1 if last_block_only else 0
        self.blocks, self.outputs = nn.ModuleList(), nn.ModuleList()
        for k, (count, kernel, dilation) in enumerate(zip(CONVOLUTIONS, kernels, dilations, strict=True)):
            widths = [channels if k else 1] + [channels] * (count - 1)
            self.blocks.append(_block(widths, channels, kernel, dilation, instance_norm))
            if k >= self._first_kept:
                self.outputs.append(_compression(channels, compressed, len(kernel)))
        self.width = len(self.outputs) * (compressed or channels)

    def forward(self, image: Tensor) -> Tensor:
        """Features (1, width, *shape)."""
        found = []
        for k, block in enumerate(self.blocks):
            image = block(image)
            if k >= self._first_kept:
                found.append(self.outputs[k - self._first_kept](image))
        return torch.cat(found, dim=1)


def _block(
    inputs: Sequence[int],
    channels: int,
    kernel: tuple[int, ...],
    dilation: tuple[int, ...],
    instance_norm: bool,
) -> nn.Sequential:
    """A convolution for each number of inputs; the shape is kept."""
    padding = tuple(d * (k // 2) for k, d in zip(kernel, dilation, strict=True))
    layers: list[nn.Module] = []
    for width in inputs:
        layers += unit(width, channels, kernel, instance_norm, padding=padding, dilation=dilation)
    return nn.Sequential(*layers)


def _compression(channels: int, compressed: int | None, dimension: int) -> nn.Module:
    if compressed is None:
        return nn.Identity()
    return nn.Sequential(*unit(channels, compressed, (1,) * dimension, instance_norm=False))
