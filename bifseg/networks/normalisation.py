"""Intensities as networks take them: an offset is subtracted, and the rest is divided by a scale."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bifseg.cards.cards import Card
from bifseg.core.geometry import Image


class Normalisation(Card):
    """A rule; exactly one of the three is given."""

    mean: float | None = Field(None, description="with std: less the mean, over the standard deviation")
    std: Annotated[float, Field(gt=0)] | None = None
    low: float | None = Field(None, description="with high: the window low..high becomes 0..1, clipped")
    high: float | None = None
    per_image: Literal["mean-std", "min-max", "nonzero-mean-std"] | None = Field(
        None,
        description="by each image's own mean and standard deviation, of all its voxels or of those that are not 0, "
        "or its own least and largest to 0 and 1",
    )

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = {key for key, value in self if value is not None}
        if given not in ({"mean", "std"}, {"low", "high"}, {"per_image"}):
            raise ValueError("give mean and std, or low and high, or per_image")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must lie below high")
        return self

    def __call__(self, values: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
        """The normalised values.

        Args:
            values: of any shape, taken from the image.
            image: the whole image: `per_image` rules look at all of its voxels.
        """
        offset, scale = self._offset_and_scale(image)
        constant = scale <= 1e-6 * abs(offset)
        normalised: NDArray[np.float32] = ((values - offset) / (1.0 if constant else scale)).astype(
            np.float32
        )
        return normalised if self.low is None else normalised.clip(0, 1)

    def _offset_and_scale(self, image: Image) -> tuple[float, float]:
        voxels = image.voxels
        if self.mean is not None and self.std is not None:
            return self.mean, self.std
        if self.low is not None and self.high is not None:
            return self.low, self.high - self.low
        if self.per_image == "min-max":
            return float(voxels.min()), float(voxels.max() - voxels.min())
        if self.per_image == "nonzero-mean-std":
            return image.foreground_moments
        return float(voxels.mean()), float(voxels.std())
