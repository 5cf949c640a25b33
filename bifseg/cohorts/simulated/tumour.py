"""Simulated brain tumours with the labels of BraTS 2015."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from bifseg.cohorts.simulated.brain import SPACING_MM, Brain
from bifseg.cohorts.simulated.fields import Field, rotation, smooth_noise
from bifseg.core.geometry import Box, Mask

NECROSIS, OEDEMA, NON_ENHANCING, ENHANCING = 1, 2, 3, 4
CORE = (NECROSIS, NON_ENHANCING, ENHANCING)
WHOLE = (NECROSIS, OEDEMA, NON_ENHANCING, ENHANCING)
_RADIUS_MM = (10.0, 30.0)
_GREY_COST = 5.0  # cost of a step of oedema in grey matter; 1 in white matter
_FLUID = 0.5  # oedema grows in voxels with a smaller share of fluid


@dataclass(frozen=True)
class Tumour:
    """A tumour in a brain.

    Attributes:
        labels: uint8 (z, y, x), 0 outside the tumour.
        infiltration: 1 in and at the core, falling to 0 at the edge of the oedema.
    """

    labels: NDArray[np.uint8]
    infiltration: Field


def grow(rng: np.random.Generator, brain: Brain) -> Tumour:
    """A tumour of random position, size, shape and composition.

    Args:
        rng: generator of all draws.
        brain: the tissue that it grows in.

    Returns:
        The tumour on the brain's grid, always with core and oedema.
    """
    tissue = brain.inside & (brain.fluid < _FLUID)
    core = _core(rng, brain, tissue)
    infiltration = _infiltration(rng, brain, tissue, core)
    labels = np.where(infiltration > 0, OEDEMA, 0).astype(np.uint8)
    near = _around(core, 5 * SPACING_MM).slices
    labels[core] = _composition(rng, core[near])[core[near]]
    return Tumour(labels, infiltration)


def _core(rng: np.random.Generator, brain: Brain, tissue: Mask) -> Mask:
    """A warped ellipsoid deep in the white matter of the cerebrum."""
    shape = tissue.shape
    radius = np.exp(rng.uniform(*np.log(_RADIUS_MM))) / SPACING_MM
    depth = ndimage.distance_transform_edt(brain.inside)
    cerebrum = np.arange(shape[0])[:, None, None] > 0.4 * shape[0]  # above brain stem and cerebellum
    places = np.argwhere((brain.white > 0.6) & (depth > 5 + radius / 3) & cerebrum)
    centre = places[rng.integers(len(places))]
    semi_axes = radius * np.exp(rng.normal(0, 0.15, 3))
    matrix = rotation(rng.uniform(0, np.pi, 3)) / semi_axes[:, None]
    at = np.tensordot(matrix, np.indices(shape, np.float32) - centre[:, None, None, None], 1)
    lobes = 0.16 * smooth_noise(rng, shape, radius / 2) + 0.07 * smooth_noise(rng, shape, radius / 5)
    core = (np.sqrt((at**2).sum(axis=0)) + lobes < 1) & tissue
    return _largest(ndimage.binary_opening(core))


def _infiltration(rng: np.random.Generator, brain: Brain, tissue: Mask, core: Mask) -> Field:
    """1 minus the geodesic distance from the core, divided by the oedema's reach; growth is fast along white matter."""
    reach = rng.uniform(6, 18)
    at = _around(core, reach).slices  # the oedema grows inside this box only
    grey, white, start, open_to = brain.grey[at], brain.white[at], core[at], tissue[at]
    cost = 1 + (_GREY_COST - 1) * np.clip(grey / (grey + white + 1e-3), 0, 1)
    cost *= np.exp(0.35 * smooth_noise(rng, start.shape, 2.5))
    growth = MCP_Geometric(np.where(open_to, cost, -1), sampling=(SPACING_MM,) * 3)
    travelled, _ = growth.find_costs(np.argwhere(start & ~ndimage.binary_erosion(start)))
    left = np.clip(1 - travelled / reach, 0, 1)
    left *= ndimage.median_filter(left > 0, 3) & open_to  # removes single voxels
    infiltration = np.zeros(core.shape, np.float32)
    infiltration[at] = np.where(start, 1, left)
    return infiltration


def _composition(rng: np.random.Generator, core: Mask) -> NDArray[np.uint8]:
    """Labels of the core: an enhancing rim of varying width around necrosis, and a non-enhancing share."""
    depth = ndimage.distance_transform_edt(core, (SPACING_MM,) * 3)
    width = rng.uniform(0.15, 0.5) * depth.max() * np.exp(0.45 * smooth_noise(rng, core.shape, 3))
    labels = np.where(depth <= np.maximum(width, SPACING_MM), ENHANCING, NECROSIS)
    patches = smooth_noise(rng, core.shape, 3.5)
    share = rng.choice([0.1, 0.3, 0.8], p=[0.5, 0.3, 0.2])
    labels[patches <= np.quantile(patches[core], share)] = NON_ENHANCING
    return np.where(core, labels, 0).astype(np.uint8)


def _around(core: Mask, margin_mm: float) -> Box:
    steps = (int(np.ceil(margin_mm / SPACING_MM)),) * core.ndim
    return Box.around(core).grow(steps, steps, core.shape)


def _largest(mask: Mask) -> Mask:
    parts, _ = ndimage.label(mask)
    largest: Mask = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    return largest
