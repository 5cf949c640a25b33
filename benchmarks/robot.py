"""A round of every policy of the robot, one stroke of each label, against a click.

The click is the deepest voxel (Euclidean distance transform) of the largest connected error of each sign, as in the
interactive challenges. `methods.py` compares the robot with a round of each method. Expected: in 3D a policy costs less
than the click, whose distance transform it does without; in 2D, where both take about a millisecond, more.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import ndimage
from timing import Cases, Table, heading

from bifseg.core.geometry import Mask
from bifseg.core.seeds import generator
from bifseg.robot.policies.registry import POLICIES, policy

CLICK = "a click of each label"
SIZES = (((96, 96), (1.0, 1.0)), ((80, 80, 80), (2.0, 2.0, 2.0)))


def blob(shape: tuple[int, ...], name: str, bumps: float) -> Mask:
    """A ball with a bumpy surface; `bumps` is their width in voxels."""
    noise = ndimage.gaussian_filter(generator(0, "blob", name).standard_normal(shape), bumps)
    offset = np.moveaxis(np.indices(shape), 0, -1) - np.array(shape) / 2
    return np.linalg.norm(offset, axis=-1) / min(shape) * 2 + 0.15 * noise / noise.std() < 0.65


def clicks(truth: Mask, result: Mask, spacing: tuple[float, ...]) -> list[tuple[np.intp, ...]]:
    """The deepest voxel of the largest component of each sign."""
    points = []
    for wrong in (truth & ~result, result & ~truth):
        labels, _ = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
        largest = labels == np.bincount(labels[labels > 0]).argmax()
        depth = ndimage.distance_transform_edt(np.pad(largest, 1), sampling=spacing)
        points.append(np.unravel_index(depth.argmax(), depth.shape))
    return points


def cases(shape: tuple[int, ...], spacing: tuple[float, ...]) -> Cases:
    """The click, and a round of each policy, on the same errors."""
    truth, result = blob(shape, "truth", 8.0), blob(shape, "result", 5.0)
    rng = generator(0, "strokes")
    rounds = {name: partial(policy(name).strokes, truth, result, spacing, rng, 1) for name in POLICIES}
    return {CLICK: lambda: clicks(truth, result, spacing), **rounds}


def main() -> None:
    heading("A round of the robot", ["numpy", "scipy", "scikit-image"])
    table = Table(CLICK)
    for shape, spacing in SIZES:
        table.add(" x ".join(map(str, shape)), cases(shape, spacing))
    table.print()


if __name__ == "__main__":
    main()
