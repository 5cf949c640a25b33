"""Normalisation of a network's input: intensities less an offset, divided by a scale."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bifseg.cards.card import Card
from bifseg.core.geometry import Image


class Normalisation(Card):
    """One rule: `mean` and `std`, `low` and `high`, or `per_image`."""

    mean: float | None = Field(
        None, description="with std: subtract the mean, divide by the standard deviation"
    )
    std: Annotated[float, Field(gt=0)] | None = None
    low: float | None = Field(None, description="with high: scale low..high to 0..1 and clip")
    high: float | None = None
    per_image: Literal["mean-std", "min-max", "nonzero-mean-std"] | None = Field(
        None,
        description="mean-std: mean and standard deviation of the image's voxels; nonzero-mean-std: of those that are "
        "not 0; min-max: the image's least and largest value become 0 and 1",
    )

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        keys = {key for key, value in self if value is not None}
        if keys not in ({"mean", "std"}, {"low", "high"}, {"per_image"}):
            raise ValueError("give mean and std, or low and high, or per_image")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must lie below high")
        return self

    def __call__(self, values: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
        """The normalised values.

        Args:
            values: some of the image's intensities, of any shape.
            image: the whole image; `per_image` rules use all of its voxels.

        Returns:
            float32 array of the values' shape; a constant image gives 0.
        """
        offset, scale = self._offset_and_scale(image)
        if scale <= 1e-6 * abs(offset):  # constant; the rule's own voxels become 0
            scale = abs(offset)
        normalised: NDArray[np.float32] = ((values - offset) / (scale or 1.0)).astype(np.float32)
        return normalised if self.low is None else normalised.clip(0, 1)

    def _offset_and_scale(self, image: Image) -> tuple[float, float]:
        """The numbers to subtract and to divide by, in the image's units."""
        if self.mean is not None and self.std is not None:
            return self.mean, self.std
        if self.low is not None and self.high is not None:
            return self.low, self.high - self.low
        if self.per_image == "min-max":
            return float(image.voxels.min()), float(image.voxels.max() - image.voxels.min())
        if self.per_image == "nonzero-mean-std":
            return image.foreground_moments
        # In canonical order, a copy of the image that is stored in another way has the same sums to the last bit.
        voxels = np.ascontiguousarray(image.grid.canonical().apply(image.voxels))
        return float(voxels.mean(dtype=np.float64)), float(voxels.std(dtype=np.float64))
