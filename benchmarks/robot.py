"""A round of `centre-line/1` against the click that most simulated users make, on the two sizes of the demo.

The click is the deepest voxel (Euclidean distance transform) of the largest connected mistake of each sign, as
the interactive challenges place it. `python benchmarks/robot.py` prints a Markdown table for 2D and for 3D.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from timing import ratios

from bifseg.geometry import Mask
from bifseg.robot.policies import policy
from bifseg.seeds import generator

ROUNDS = (((96, 96), (1.0, 1.0)), ((80, 80, 80), (2.0, 2.0, 2.0)), ((80, 80, 80), (6.5, 1.0, 1.0)))


def blob(shape: tuple[int, ...], name: str, bumps: float) -> Mask:
    """A ball with a bumpy surface; `bumps` is their width in voxels."""
    noise = ndimage.gaussian_filter(generator(0, "blob", name).standard_normal(shape), bumps)
    offset = np.moveaxis(np.indices(shape), 0, -1) - np.array(shape) / 2
    return np.linalg.norm(offset, axis=-1) / min(shape) * 2 + 0.15 * noise / noise.std() < 0.65


def clicks(truth: Mask, result: Mask, spacing: tuple[float, ...]) -> list[tuple[np.intp, ...]]:
    """The deepest voxel of the largest component of each sign."""
    found = []
    for wrong in (truth & ~result, result & ~truth):
        labels, _ = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
        largest = labels == np.bincount(labels[labels > 0]).argmax()
        depth = ndimage.distance_transform_edt(np.pad(largest, 1), sampling=spacing)
        found.append(np.unravel_index(depth.argmax(), depth.shape))
    return found


def compare(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    """Print the table of one size."""
    truth, result = blob(shape, "truth", 8.0), blob(shape, "result", 5.0)
    robot, rng = policy("centre-line/1"), generator(0, "strokes")
    size = " x ".join(map(str, shape))
    ratios(
        f"one round of the robot, {size} of {spacing} mm, {(truth ^ result).sum()} voxels wrong",
        {
            "a click of each label, distance transform": lambda: clicks(truth, result, spacing),
            "centre-line/1, a stroke of each label": lambda: robot.strokes(truth, result, spacing, rng),
            "centre-line/1, three of each label": lambda: robot.strokes(truth, result, spacing, rng, most=3),
        },
        repeats=9,
    )


if __name__ == "__main__":
    for shape, spacing in ROUNDS:
        compare(shape, spacing)
