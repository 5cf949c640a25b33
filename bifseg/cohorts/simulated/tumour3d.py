"""`tumour3d`: simulated brain tumours in T1c and FLAIR, after BraTS 2015, in the ICBM-152 template.

Every third case has slices of 6 mm; all others have 2 mm voxels. Structures: `tumour_core` in `t1c`,
`whole_tumour` in `flair`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from bifseg.cards.cards import CaseCounts
from bifseg.cohorts.files import Progress
from bifseg.cohorts.simulated.brain import Brain, random_brain, template
from bifseg.cohorts.simulated.fields import Field, rotation, smooth_noise
from bifseg.cohorts.simulated.scanner import acquire, thick_slices
from bifseg.cohorts.simulated.tumour import (
    CORE,
    ENHANCING,
    NECROSIS,
    NON_ENHANCING,
    WHOLE,
    Tumour,
    grow,
)
from bifseg.cohorts.simulated.writing import SimulatedCase, Structure, splits, write_case, write_manifest
from bifseg.core.geometry import Grid
from bifseg.core.seeds import generator

STRUCTURES = (Structure("tumour_core", CORE, "t1c"), Structure("whole_tumour", WHOLE, "flair"))
_THICK = 3  # every third case has slices three times as thick


def simulate(counts: CaseCounts, seed: int, folder: Path, progress: Progress = iter) -> None:
    """Write the cohort to a folder: `images/`, `labels/` and, last, `manifest.tsv`.

    A case depends on the seed and its number only. Every case is a patient of its own.

    Args:
        counts: number of cases of each split; numbers continue from one split to the next.
        seed: seed of the cohort.
        folder: created if it is missing; files of the same names are replaced.
        progress: wraps the cases.
    """
    order = [split for split, n in splits(counts) for _ in range(n)]
    rows = []
    for index, split in enumerate(progress(order)):
        name = f"tumour-{index:04d}"
        rows += write_case(folder, name, split, name, make_case(seed, index), STRUCTURES)
    write_manifest(folder, rows)


def make_case(seed: int, index: int) -> SimulatedCase:
    """A case of the cohort.

    Args:
        seed: seed of the cohort.
        index: number of the case, from 0.

    Returns:
        int16 images `t1c` and `flair` and uint8 labels, (z, y, x).
    """
    rng = generator(seed, "tumour3d", index)
    brain = random_brain(rng)
    tumour = grow(rng, brain)
    ideal = {"t1c": _t1c(rng, brain, tumour), "flair": _flair(rng, brain, tumour)}
    grid, labels, inside = _random_pose(rng, template()[1]), tumour.labels, brain.inside
    if index % _THICK == _THICK - 1:
        ideal = {modality: thick_slices(voxels, _THICK) for modality, voxels in ideal.items()}
        grid = _thick_grid(grid)
        middle = slice(_THICK // 2, _THICK * grid.shape[0], _THICK)
        labels, inside = labels[middle], inside[middle]
    noise = rng.uniform(0.02, 0.045)
    images = {m: acquire(rng, v, shading=0.1, noise=noise) * inside for m, v in ideal.items()}
    return SimulatedCase(images, labels, grid)


def _t1c(rng: np.random.Generator, brain: Brain, tumour: Tumour) -> Field:
    """T1 after contrast: bright rim and vessels; necrosis and non-enhancing parts about as dark as grey matter."""
    texture = smooth_noise(rng, brain.t1.shape, 1.5)
    fine = smooth_noise(rng, brain.t1.shape, 0.8)
    image = brain.t1 + 0.02 * texture * brain.inside
    image = np.maximum(image, _vessels(rng, brain) * rng.uniform(0.9, 1.2))
    dark = 0.45 * tumour.infiltration * (tumour.labels > 0)
    image += dark * (rng.uniform(0.62, 0.70) - image)
    for label, low, high, patchy in (
        (NECROSIS, 0.45, 0.68, 0.05),
        (NON_ENHANCING, 0.48, 0.62, 0.05),
        (ENHANCING, 0.92, 1.20, 0.11),
    ):
        at = tumour.labels == label
        image[at] = (rng.uniform(low, high) + patchy * texture + 0.02 * fine)[at]
    voxels: Field = ndimage.gaussian_filter(image, 0.5)
    return voxels


def _flair(rng: np.random.Generator, brain: Brain, tumour: Tumour) -> Field:
    """FLAIR: fluid is dark, oedema bright and fading outwards, the core in between."""
    texture = smooth_noise(rng, brain.t1.shape, 2)
    image = 0.64 * brain.grey + 0.50 * brain.white + 0.15 * brain.fluid
    image = image * (1 + 0.05 * texture + 0.08 * smooth_noise(rng, brain.t1.shape, 8))
    image = np.maximum(image, _caps(rng, brain))
    level = rng.uniform(0.72, 0.91) + 0.06 * texture
    share = np.where(tumour.labels > 0, 0.65 + 0.35 * tumour.infiltration, 0)
    image += share * (level - image)
    for label, low, high in ((NECROSIS, 0.50, 0.88), (NON_ENHANCING, 0.72, 0.95), (ENHANCING, 0.66, 0.88)):
        at = tumour.labels == label
        image[at] = (rng.uniform(low, high) + 0.07 * texture)[at]
    voxels: Field = ndimage.gaussian_filter(image, 0.5).astype(np.float32)
    return voxels


def _vessels(rng: np.random.Generator, brain: Brain) -> Field:
    """Share of enhancing vessels in each voxel: curves on which two random fields are both zero."""
    first, second = (smooth_noise(rng, brain.t1.shape, 4) for _ in range(2))
    tubes = np.exp(-(first**2 + second**2) / 0.12**2)
    voxels: Field = (tubes * (brain.inside & (brain.white < 0.6))).astype(np.float32)
    return voxels


def _caps(rng: np.random.Generator, brain: Brain) -> Field:
    """Bright white matter around the ventricles and in scattered spots, which is common without a tumour."""
    ventricles = ndimage.binary_opening(brain.fluid > 0.7, iterations=2)
    near = ndimage.gaussian_filter(ventricles.astype(np.float32), 1.5)
    spots = smooth_noise(rng, brain.t1.shape, 1.8) > 3.0
    voxels: Field = (
        (brain.white * (rng.uniform(0.3, 1.5) * near + 0.8 * spots)).clip(0, 0.85).astype(np.float32)
    )
    return voxels


def _random_pose(rng: np.random.Generator, grid: Grid) -> Grid:
    """The grid of a head at a random position in the scanner, every other one rotated by a few degrees."""
    shift, turn = rng.normal(0, 8, 3), rotation(rng.normal(0, np.radians(5), 3) * rng.integers(2))
    origin = tuple(float(v) for v in turn @ np.asarray(grid.origin) + shift)
    direction = tuple(tuple(float(v) for v in turn @ np.array(axis)) for axis in grid.direction)
    return replace(grid, origin=origin, direction=direction)


def _thick_grid(grid: Grid) -> Grid:
    """The grid after `thick_slices`: a slice lies at the middle one of the slices that it averages."""
    middle = grid.to_world(np.array([(_THICK - 1) / 2, 0, 0]))[0]
    shape, spacing = grid.shape, grid.spacing
    return replace(
        grid,
        shape=(shape[0] // _THICK, *shape[1:]),
        spacing=(spacing[0] * _THICK, *spacing[1:]),
        origin=tuple(float(v) for v in middle),
    )
