"""Ranks of intensities within a crop, as input of a network."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn


class Ranks(nn.Module):
    """Replaces the intensities of each channel by their ranks in the crop, so that only their order matters.

    Any rising change of contrast leaves the ranks as they are. The paper has nothing of the kind.
    """

    def forward(self, image: Tensor) -> Tensor:
        """The ranks of an image.

        Args:
            image: (batch, channels, *shape); voxels that pad a smaller crop of a batch count too.

        Returns:
            Tensor of the same shape, evenly spread around 0 with standard deviation 1; equal intensities have their
            mean rank. A constant channel gives 0.
        """
        values = image.flatten(2).contiguous()
        ordered = values.sort(dim=-1).values
        darker = torch.searchsorted(ordered, values)
        not_brighter = torch.searchsorted(ordered, values, right=True)
        share = (darker + not_brighter).to(image.dtype) / (2 * values.shape[-1])
        return ((share - 0.5) * sqrt(12)).reshape(image.shape)
