"""A canvas for organs. Shapes are signed depths in mm, and cover one another with partial volume."""

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
        rng: generator of this slice's draws.
        y, x: position of each pixel in mm from the middle, under a smooth random warp, so that no shape is exact.
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
        """An empty canvas.

        Args:
            rng: generator of this slice's draws.
            shape: pixels (y, x).
            spacing: pixel size in mm.

        Returns:
            Intensity and labels are 0 everywhere.
        """
        warp = displacement(rng, shape, {14 / spacing: 2.5, 5 / spacing: 0.7})  # mm
        y, x = ((np.indices(shape).T - (np.array(shape) - 1) / 2).T * spacing + warp).astype(np.float32)
        return cls(rng, y, x, spacing, np.zeros(shape, np.float32), np.zeros(shape, np.uint8))

    def ellipse(self, centre: NDArray[Any], semi_axes: NDArray[Any], angle: float = 0.0) -> Field:
        """The approximate depth inside an ellipse.

        Args:
            centre: (y, x) in mm.
            semi_axes: in mm, before the rotation.
            angle: angle of the rotation, in radians.

        Returns:
            (y, x) in mm, negative outside.
        """
        v, u = self.local(centre, angle)
        semi_y, semi_x = semi_axes
        values: Field = ((1 - np.hypot(v / semi_y, u / semi_x)) * min(semi_y, semi_x)).astype(np.float32)
        return values

    def local(self, centre: NDArray[Any], angle: float) -> tuple[Field, Field]:
        """The coordinates of each pixel in a shape's own frame.

        Args:
            centre: centre of the shape, (y, x) in mm.
            angle: rotation of the shape, in radians.

        Returns:
            v and u, each (y, x) in mm.
        """
        dy, dx = self.y - centre[0], self.x - centre[1]
        return np.cos(angle) * dy - np.sin(angle) * dx, np.sin(angle) * dy + np.cos(angle) * dx

    def noise(self, scale: float) -> Field:
        """Smooth noise over the canvas.

        Args:
            scale: sigma of the smoothing in mm.

        Returns:
            (y, x), mean 0, standard deviation 1.
        """
        return smooth_noise(self.rng, self.image.shape, scale / self.spacing)

    def paint(self, depth: NDArray[Any], level: float | NDArray[Any], label: int = 0) -> None:
        """Cover the pixels at positive depth with an intensity and a label; border pixels mix intensities.

        Args:
            depth: (y, x) in mm.
            level: intensity, a number or (y, x).
            label: value in the label map.
        """
        share = np.clip(depth / self.spacing + 0.5, 0, 1)
        self.image += share * (level - self.image)
        self.labels[depth > 0] = label

    def keep_largest(self, label: int, count: int) -> None:
        """Set a label to 0 outside its largest connected parts.

        Args:
            label: value in the label map.
            count: number of parts that stay.
        """
        parts, n = ndimage.label(self.labels == label, np.ones((3, 3)))
        sizes = np.bincount(parts.ravel(), minlength=n + 1)[1:]
        largest = np.argsort(-sizes, kind="stable")[:count] + 1
        self.labels[(parts > 0) & ~np.isin(parts, largest)] = 0
