"""The 3D convolution of the networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv3d

_SLOW_VOXELS = 20480
"""PyTorch 2.13 computes a 3D convolution of one crop slowly on a CPU if channels x the crop's first two sides are at
most this (`ConvParams::use_mkldnn`)."""


class Convolution3d(nn.Conv3d):
    """`torch.nn.Conv3d`, with the same weights and results, that is fast for one small crop on a CPU too.

    PyTorch leaves such a crop, which is the usual one here, to a convolution of its own that takes 2.5 to 5 times as
    long as oneDNN's; a tensor in oneDNN's layout is always computed by oneDNN.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of crops.

        Args:
            input: (batch, channels, z, y, x).

        Returns:
            (batch, output channels, z, y, x).
        """
        if not self._is_slow(input):
            return super().forward(input)
        settings = (self.stride, self.padding, self.dilation, self.groups)
        return conv3d(input.to_mkldnn(), self.weight, self.bias, *settings).to_dense()  # type: ignore[arg-type]

    def _is_slow(self, input: Tensor) -> bool:
        if input.device.type != "cpu" or input.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return False
        batch, channels, z, y, _ = input.shape
        return batch == 1 and channels * z * y <= _SLOW_VOXELS and torch.backends.mkldnn.is_available()
