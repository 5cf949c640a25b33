"""A drawing of organs: shapes given by signed depths in mm, painted over one another with partial volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.cohorts.simulated.fields import Field, displacement, smooth_noise


@dataclass
class Canvas:
    """A slice that is being painted.

    Attributes:
        rng: of this slice.
        y, x: place of each pixel in mm from the middle, bent by a smooth random warp, so that no shape is exact.
        spacing: pixel size in mm.
        image: intensity, about 0 to 1; float32 (y, x).
        labels: uint8 (y, x).
    """

    rng: np.random.Generator
    y: Field
    x: Field
    spacing: float
    image: Field
    labels: NDArray[np.uint8]

    @classmethod
    def blank(cls, rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> Canvas:
        """An empty canvas."""
        warp = displacement(rng, shape, {14 / spacing: 2.5, 5 / spacing: 0.7})  # mm
        y, x = ((np.indices(shape).T - (np.array(shape) - 1) / 2).T * spacing + warp).astype(np.float32)
        return cls(rng, y, x, spacing, np.zeros(shape, np.float32), np.zeros(shape, np.uint8))

    def ellipse(self, centre: NDArray[Any], semi_axes: NDArray[Any], angle: float = 0.0) -> Field:
        """Depth in mm, roughly, inside an ellipse (centre y, x; semi-axes in mm; turned by radians)."""
        v, u = self.local(centre, angle)
        semi_y, semi_x = semi_axes
        values: Field = ((1 - np.hypot(v / semi_y, u / semi_x)) * min(semi_y, semi_x)).astype(np.float32)
        return values

    def local(self, centre: NDArray[Any], angle: float) -> tuple[Field, Field]:
        """Coordinates (v, u) in mm of each pixel in the frame of a thing turned by an angle in radians."""
        dy, dx = self.y - centre[0], self.x - centre[1]
        return np.cos(angle) * dy - np.sin(angle) * dx, np.sin(angle) * dy + np.cos(angle) * dx

    def noise(self, scale: float) -> Field:
        """Smooth noise (mean 0, standard deviation 1) of a scale in mm."""
        return smooth_noise(self.rng, self.image.shape, scale / self.spacing)

    def paint(self, depth: NDArray[Any], level: float | NDArray[Any], label: int = 0) -> None:
        """Cover what lies at positive depth (mm) with an intensity and a label; borders are mixed pixels."""
        share = np.clip(depth / self.spacing + 0.5, 0, 1)
        self.image += share * (level - self.image)
        self.labels[depth > 0] = label

    def keep_largest(self, label: int, count: int) -> None:
        """Take the label from all but the `count` largest connected pieces that carry it."""
        parts, n = ndimage.label(self.labels == label, np.ones((3, 3)))
        sizes = np.bincount(parts.ravel(), minlength=n + 1)[1:]
        spared = np.argsort(-sizes, kind="stable")[:count] + 1
        self.labels[(parts > 0) & ~np.isin(parts, spared)] = 0
