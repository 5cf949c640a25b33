"""A network trained elsewhere as a base network: its last layer is the classifier, all before it the features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, ValidationError, model_validator
from torch import Tensor, nn

from bifseg.cards.cards import Card, Positive, first_problem
from bifseg.core.errors import InputError
from bifseg.core.seeds import generator
from bifseg.networks.architectures.blocks import Network, pad_behind, padded
from bifseg.networks.external.last_layer import LastLayerScan, Output, Watched, last_layer_of
from bifseg.networks.normalisation import Normalisation

TRIAL_SIDE = 16
"""The trial image is about two of these wide, three along its first axis."""


class ImportedSettings(Card):
    """What the file itself does not say: the `settings` of an imported network's card."""

    dimension: Literal[2, 3] = Field(description="of the images it takes")
    normalisation: Normalisation = Field(description="the intensities that it was trained on")
    output: Output | None = Field(
        None, description="what makes probabilities of its channels; default: sigmoid of one, softmax of more"
    )
    foreground: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = Field(
        None, description="channels of the foreground, from 0; default: the only one, or the second of two"
    )
    divisible_by: Positive = Field(1, description="each side of its images is a multiple of this: padded")
    shape: list[Positive] | None = Field(
        None, description="the one shape that it takes: crops are fitted into it"
    )

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Self:
        """The settings of a card; raises InputError, naming the first one that is wrong."""
        try:
            return cls(**settings)
        except ValidationError as error:
            raise InputError(f"settings.{first_problem(error)}") from error

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shape is not None and self.divisible_by != 1:
            raise ValueError("give either 'divisible_by' or 'shape'")
        if self.shape is not None and len(self.shape) != self.dimension:
            raise ValueError(f"'shape' has {self.dimension} sides in {self.dimension}D")
        return self

    def fit(self, image: Tensor) -> Tensor:
        """An image (1, 1, *shape) with zeros behind its last voxels, so that the network takes it."""
        return pad_behind(image, self.shape) if self.shape else padded(image, self.divisible_by)

    def trial(self) -> Tensor:
        """An image of noise: of the one shape, or of sides that are no rounder than `divisible_by` promises."""
        side = self.divisible_by * (-(-TRIAL_SIDE // self.divisible_by) | 1)
        shape = self.shape or [3 * side, *[2 * side] * (self.dimension - 1)]
        noise = generator(0, "trial image").standard_normal(shape).astype(np.float32)
        return torch.from_numpy(noise)[None, None]


class ImportedNetwork(Network):
    """A trained network, of which fine-tuning touches a copy of the last convolution.

    Raises InputError when the network cannot be used as the settings say.
    """

    def __init__(self, model: nn.Module, settings: ImportedSettings) -> None:
        features = Watched(model.eval(), settings.fit)
        found = last_layer_of(features, settings.trial())
        found.layer.read_as(*_reading(found, settings), found.channels)
        super().__init__(settings.dimension, features, found.layer)
        self.normalisation = settings.normalisation

    def _initialise(self) -> None:
        """Its weights are trained."""

    def parameter_count(self) -> int:
        """Number of trained values; the last layer's stand in the features' network too."""
        return sum(p.numel() for p in self.features.parameters())


def _reading(found: LastLayerScan, settings: ImportedSettings) -> tuple[Output, Sequence[int]]:
    """Activation and foreground channels: as the card says, or as they can only be."""
    channels = found.channels
    output = settings.output or found.applied or ("sigmoid" if channels == 1 else "softmax")
    if found.applied not in (None, output):
        raise InputError(f"settings.output: the network ends with {found.applied} itself (is {output!r})")
    if output == "softmax" and channels == 1:
        raise InputError("settings.output: the network has one channel, which softmax makes 1 everywhere")
    default = [channels - 1] if channels == 1 or (channels == 2 and output == "softmax") else None
    foreground = default if settings.foreground is None else sorted(set(settings.foreground))
    if foreground is None:
        raise InputError(
            f"settings.foreground: the network has {channels} channels; say which are foreground"
        )
    if foreground[-1] >= channels or len(foreground) == channels > 1:
        known = (
            f"the network has {channels} channels, 0 to {channels - 1}; some of them, not all, are foreground"
        )
        raise InputError(f"settings.foreground: {known} (is {settings.foreground})")
    if output == "sigmoid" and len(foreground) > 1:
        raise InputError(
            f"settings.foreground: one channel where output is sigmoid (is {settings.foreground})"
        )
    return output, foreground
