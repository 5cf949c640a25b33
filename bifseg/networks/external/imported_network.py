"""An external network as a base network: its last layer is the classifier, the layers before it are the features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, ValidationError, model_validator
from torch import Tensor, nn

from bifseg.cards.card import Card, Positive
from bifseg.cards.cards import first_problem
from bifseg.core.errors import InputError
from bifseg.core.seeds import generator
from bifseg.networks.architectures.blocks import Network, pad_behind, padded
from bifseg.networks.external.last_layer import InputOfLastConvolution, LastLayerScan, Output, last_layer_of
from bifseg.networks.normalisation import Normalisation

TRIAL_SIDE = 16
"""The trial image is about twice as long along each axis, three times along its first."""


class ImportedSettings(Card):
    """The `settings` of an external network's card: facts that the network's file does not hold."""

    dimension: Literal[2, 3] = Field(description="dimension of its images")
    normalisation: Normalisation = Field(description="normalisation of its training images")
    channel_normalisation: dict[str, Normalisation] = Field(
        default_factory=dict, description="by channel, where it differs from `normalisation`: {pet: {...}}"
    )
    output: Output | None = Field(
        None, description="activation of its channels; default: sigmoid of one channel, softmax of more"
    )
    foreground: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = Field(
        None, description="channels of the foreground, from 0; default: the only one, or the second of two"
    )
    divisible_by: Positive = Field(
        1, description="each side of its images must be a multiple of this; crops are padded"
    )
    shape: list[Positive] | None = Field(
        None, description="the only shape that it takes; crops are fitted into it"
    )

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Self:
        """The settings of a card.

        Args:
            settings: keys and values of the card.

        Returns:
            The checked settings.

        Raises:
            InputError: a setting is wrong; the message names the first one.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            raise InputError(f"settings.{first_problem(error)}") from error

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shape is not None and self.divisible_by != 1:
            raise ValueError("give either 'divisible_by' or 'shape'")
        if self.shape is not None and len(self.shape) != self.dimension:
            raise ValueError(f"'shape' must have {self.dimension} sides in {self.dimension}D")
        return self

    def fit(self, image: Tensor) -> Tensor:
        """An image padded with zeros behind its last voxels to a shape that the network takes.

        Args:
            image: (1, inputs, *shape).

        Returns:
            (1, inputs, *padded shape).
        """
        return pad_behind(image, self.shape) if self.shape else padded(image, self.divisible_by)

    def trial(self, inputs: int = 1) -> Tensor:
        """An image of noise to try the network on.

        Args:
            inputs: number of its channels.

        Returns:
            (1, inputs, *shape): the card's shape, or three times (first axis) and twice an odd multiple of
            `divisible_by`.
        """
        side = self.divisible_by * (-(-TRIAL_SIDE // self.divisible_by) | 1)
        shape = self.shape or [3 * side, *[2 * side] * (self.dimension - 1)]
        noise = generator(0, "trial image").standard_normal((inputs, *shape)).astype(np.float32)
        return torch.from_numpy(noise)[None]


class ImportedNetwork(Network):
    """A trained network; its last convolution is copied as the classifier, which fine-tuning changes.

    Args:
        model: the network with its weights.
        settings: settings of its card.
        inputs: number of channels of its images.

    Raises:
        InputError: the network cannot be split, or its channels do not fit the settings.
    """

    def __init__(self, model: nn.Module, settings: ImportedSettings, inputs: int = 1) -> None:
        features = InputOfLastConvolution(model.eval(), settings.fit)
        scan = last_layer_of(features, settings.trial(inputs))
        scan.layer.read_as(*_activation_and_foreground(scan, settings), scan.channels)
        super().__init__(settings.dimension, features, scan.layer)
        self.normalisation = settings.normalisation
        self.channel_normalisation = settings.channel_normalisation

    def _initialise(self) -> None:
        """Leave the trained weights as they are."""

    def parameter_count(self) -> int:
        """The number of trained parameters.

        Returns:
            Parameters of the whole network; the classifier's copy does not count again.
        """
        return sum(p.numel() for p in self.features.parameters())


def _activation_and_foreground(
    scan: LastLayerScan, settings: ImportedSettings
) -> tuple[Output, Sequence[int]]:
    """Activation and foreground channels from the card, or the only possible ones."""
    channels = scan.channels
    output = settings.output or scan.applied or ("sigmoid" if channels == 1 else "softmax")
    if scan.applied not in (None, output):
        raise InputError(f"settings.output: the network itself ends with {scan.applied} (is {output!r})")
    if output == "softmax" and channels == 1:
        raise InputError(
            "settings.output: softmax of the network's one channel is 1 everywhere; write sigmoid"
        )
    default = [channels - 1] if channels == 1 or (channels == 2 and output == "softmax") else None
    foreground = default if settings.foreground is None else sorted(set(settings.foreground))
    if foreground is None:
        raise InputError(
            f"settings.foreground: the network has {channels} channels; list those of the foreground"
        )
    if foreground[-1] >= channels or len(foreground) == channels > 1:
        known = f"the network has {channels} channels, 0 to {channels - 1}; list some of them, not all"
        raise InputError(f"settings.foreground: {known} (is {settings.foreground})")
    if output == "sigmoid" and len(foreground) > 1:
        raise InputError(
            f"settings.foreground: list one channel if output is sigmoid (is {settings.foreground})"
        )
    return output, foreground
