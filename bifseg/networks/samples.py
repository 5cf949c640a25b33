"""Training samples: random crops of a cohort's training objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bifseg.cards.training import TrainingCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.geometry import Box, Image, Mask
from bifseg.networks.augmentation import augment
from bifseg.networks.crops import Crop
from bifseg.networks.trained import TrainedNetwork
from bifseg.robot.box import draw_box_on

PADDING = -100
"""Target of voxels that the loss ignores: padded ones, and those that nobody annotated."""

Draw = tuple[NDArray[np.float32], NDArray[np.int64]]
"""The intensities of a crop, (channels, *shape), and, on the same voxels, their targets: 0, 1 or `PADDING`."""


@dataclass
class Sample:
    """A training object, cut out with the widest margin that a random box can have.

    Attributes:
        image: normalised intensities; each channel is normalised by its own rule.
        truth: bool mask of the object on the same voxels.
        ignored: bool mask of the voxels that nobody annotated; None if there are none.
    """

    image: Image
    truth: Mask
    ignored: Mask | None = None


class Sampler:
    """Draws batches of crops, each with a random box, scale and intensities by the training card.

    Args:
        trained: the network in training; it gives input size and normalisation.
        cohort: holds the objects' images and truths.
        objects: the training objects, at least one.
        settings: batch size, flips and augmentation.
    """

    def __init__(
        self, trained: TrainedNetwork, cohort: Cohort, objects: Iterable[ObjectRow], settings: TrainingCard
    ) -> None:
        self._trained, self._settings = trained, settings
        self._margin = cohort.box_margin
        self._samples = [
            self._cut_out(cohort.image(row, trained.channels), cohort.truth(row), cohort.ignored(row))
            for row in objects
        ]

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A batch of random crops of random objects, padded to a common shape.

        Args:
            rng: generator of all draws.

        Returns:
            Images (batch, channels, *shape) and targets (batch, *shape); see `stack`.
        """
        indices = rng.integers(len(self._samples), size=self._settings.batch)
        return stack([self.draw(self._samples[int(k)], rng) for k in indices])

    def draw(self, sample: Sample, rng: np.random.Generator) -> Draw:
        """A random crop of an object.

        Args:
            sample: the object.
            rng: generator of all draws.

        Returns:
            Intensities (float32) and targets on the same voxels: 1 in the object, 0 outside, and `PADDING` in voxels
            that are not annotated in full.
        """
        random = self._settings.augmentation
        margin = round(self._margin * rng.uniform(*random.margin)) if random else self._margin
        size = self._trained.input_size
        if random and isinstance(size, int):
            size = max(1, round(size * float(np.exp(rng.uniform(-random.scale, random.scale)))))
        box = draw_box_on(sample.image.grid, sample.truth, margin, rng)
        crop = Crop(sample.image, box, size, self._trained.network.thickest_first)
        truth = crop.scaled(sample.truth) >= 0.5
        values = np.stack([crop.channel(name) for name in self._trained.channels_of(sample.image)])
        if random:
            values = np.stack([augment(channel, truth, random, rng) for channel in values])
        target = truth.astype(np.int64)
        if sample.ignored is not None:
            target[crop.scaled(sample.ignored) > 0] = PADDING
        if self._settings.flip:
            axes = tuple(axis for axis in range(-target.ndim, 0) if rng.random() < 0.5)
            values, target = np.flip(values, axes), np.flip(target, axes)
        return values.copy(), target.copy()  # torch takes no reversed axis, not even one of length 1

    def _cut_out(self, image: Image, truth: Mask, ignored: Mask | None) -> Sample:
        """The sample of an object, with the image normalised as a whole before it is cut out."""
        random = self._settings.augmentation
        widest = round(self._margin * (random.margin[1] if random else 1))
        side = (widest,) * truth.ndim
        box = Box.around(truth).grow(side, side, truth.shape)
        names = {image.modality, *self._trained.channels_of(image)}
        channels = {name: image.channel(name) for name in sorted(names)}
        voxels = {
            name: self._trained.normalised(channel.voxels[box.slices], channel)
            for name, channel in channels.items()
        }
        own = voxels.pop(image.modality)
        cut = Image(own, image.grid.crop(box), image.modality, voxels)
        return Sample(cut, truth[box.slices].copy(), None if ignored is None else ignored[box.slices].copy())


def stack(crops: list[Draw]) -> tuple[Tensor, Tensor]:
    """Crops of several shapes as one batch, padded behind the last voxel of each axis.

    Args:
        crops: intensities and targets of each, of one dimension and number of channels; at least one crop.

    Returns:
        Images (batch, channels, *shape), padded with 0, and targets (batch, *shape): 0, 1 or `PADDING`.
    """
    shape = tuple(max(n) for n in zip(*(target.shape for _, target in crops), strict=True))
    channels = len(crops[0][0])
    images, targets = torch.zeros(len(crops), channels, *shape), torch.full((len(crops), *shape), PADDING)
    for k, (values, target) in enumerate(crops):
        place = tuple(slice(n) for n in target.shape)
        images[k][(slice(None), *place)] = torch.from_numpy(values)
        targets[k][place] = torch.from_numpy(target)
    return images, targets
