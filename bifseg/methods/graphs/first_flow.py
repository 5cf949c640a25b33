"""A flow from which the min-cut starts, so that doubtful crops do not take it minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Index
from bifseg.methods.graphs.neighbours import pair_slices

Pairs = Sequence[tuple[Index, NDArray[Any]]]
"""For each offset, the capacities of the pairs at this offset, as `neighbours.pair_slices` lists them."""

# Of the mean stiffness. The first rounds carry flow across the image, the last ones between neighbours.
_DAMPING = (1e-5, 1e-5, 0.001, 0.003, 0.007, 0.012, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
_MOST_PASSES, _WORTH_ANOTHER = 4, 0.5
"""Another pass follows one that moved half of what could move; four at most."""
_WEAK, _MANY = 1 / 8, {2: 0.25, 3: 0.1}
"""Chosen by measurement, by dimension: the solver is fast on its own where fewer voxels are as weak."""
_LARGE = 2**17
"""Voxels of a 3D crop from which a first flow costs little, and the solver alone may take a minute."""


def capacity(pairs: Pairs, shape: Index) -> NDArray[np.float64]:
    """The most that can flow out of each voxel: the sum of the capacities of its pairs.

    Args:
        pairs: see `Pairs`.
        shape: of the image.

    Returns:
        Array of that shape.
    """
    total = np.zeros(shape)
    for offset, weights in pairs:
        for end in pair_slices(offset):
            total[end] += weights
    return total


def first_flow_pays(excess: NDArray[np.float64], most: NDArray[np.float64]) -> bool:
    """Whether a first flow saves time: flow has to travel far, or the crop is large.

    Args:
        excess: phi(0) - phi(1) of every voxel: positive where it prefers foreground.
        most: see `capacity`.

    Returns:
        Whether more than 25 % of the pixels, or 10 % of the voxels, prefer foreground by less than an eighth of `most`,
        and as many background; always for a large 3D crop.
    """
    if excess.ndim == 3 and excess.size >= _LARGE:
        return True
    weak = np.abs(excess) < _WEAK * most
    fewer = min(np.count_nonzero(weak & (excess > 0)), np.count_nonzero(weak & (excess < 0)))
    return bool(fewer > _MANY[excess.ndim] * excess.size)


def first_flow(
    pairs: Pairs, excess: NDArray[np.float64], most: NDArray[np.float64]
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    """A flow that obeys the capacities, and the excess that it leaves.

    Any such flow leaves an equal problem: the cut of least capacity stays the same, and the rest of the flow is found
    from there (Ford and Fulkerson 1956). This one follows the potentials of a Poisson equation on the grid, solved by a
    cosine transform, and is clipped to the capacities; further rounds pass on what clipping held back. The flow
    is float32, since any flow within the capacities will do; the excess is computed in float64.

    Args:
        pairs: see `Pairs`; each capacity holds in both directions.
        excess: of every voxel, any sign.
        most: see `capacity`.

    Returns:
        For each offset, the flow from the first to the second end of each pair, between minus and plus its capacity;
        and the excess of every voxel after it.
    """
    # The next number towards 0, since rounding to float32 may exceed a capacity.
    limits = [(offset, np.nextafter(weights.astype(np.float32), np.float32(0))) for offset, weights in pairs]
    flows = [np.zeros(limit.shape, np.float32) for _, limit in limits]
    stiffness = _stiffness(pairs, excess.shape)
    if stiffness.any():
        movable = np.clip(excess, -most, most).astype(np.float32)
        left = _to_move(movable)
        for _ in range(_MOST_PASSES):
            before = left
            _pass_on(limits, flows, movable, stiffness)
            left = _to_move(movable)
            if left > (1 - _WORTH_ANOTHER) * before:
                break
    rest = excess.copy()
    for (offset, _), flow in zip(pairs, flows, strict=True):
        first, second = pair_slices(offset)
        rest[first] -= flow
        rest[second] += flow
    return flows, rest


def _pass_on(
    limits: Sequence[tuple[Index, NDArray[np.float32]]],
    flows: list[NDArray[np.float32]],
    movable: NDArray[np.float32],
    stiffness: NDArray[np.float32],
) -> None:
    """Rounds of flow along the potentials of `movable`; they change `flows` and `movable`."""
    from scipy.fft import dctn, idctn  # only large or doubtful crops need it

    for damping in _DAMPING:
        potential = idctn(dctn(movable) / (stiffness + np.float32(damping) * stiffness.mean()))
        for (offset, limit), flow in zip(limits, flows, strict=True):
            first, second = pair_slices(offset)
            step = limit * (potential[first] - potential[second])
            np.clip(step + flow, -limit, limit, out=step)
            step -= flow
            flow += step
            movable[first] -= step
            movable[second] += step


def _to_move(excess: NDArray[np.float32]) -> float:
    """The most that could flow between voxels that prefer different labels."""
    return float(min(np.maximum(excess, 0).sum(), np.maximum(-excess, 0).sum()))


def _stiffness(pairs: Pairs, shape: Index) -> NDArray[np.float32]:
    """Eigenvalues of the grid's Laplacian under the cosine transform, with each offset's mean capacity."""
    waves = np.ix_(*(np.cos(np.pi * np.arange(n) / n) for n in shape))
    total = np.zeros(shape)
    for offset, weights in pairs:
        if weights.size:
            moved = [wave if step else np.ones_like(wave) for wave, step in zip(waves, offset, strict=True)]
            total += 2 * weights.mean() * (1 - np.prod(np.broadcast_arrays(*moved), axis=0))
    return total.astype(np.float32)
