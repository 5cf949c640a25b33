"""Random changes of training crops, so that a network generalises to other structures, contrasts and scanners.

None of this is in the paper (Wang et al. 2018), which trains on the crops as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bifseg.cards.training import AugmentationCard
from bifseg.core.geometry import Mask

Values = NDArray[np.float32]


def augment(values: Values, truth: Mask, settings: AugmentationCard, rng: np.random.Generator) -> Values:
    """One channel of a crop with randomly changed intensities.

    It is changed at mean 0 and standard deviation 1, and then gets back its own, since a session's crops have theirs: a
    network without instance norm sees the difference. Each channel of a crop is changed separately, since each is an
    acquisition with its own coil field, contrast and noise.

    Args:
        values: normalised intensities of the channel, (z, y, x) or (y, x).
        truth: bool mask of the object, of the same shape.
        settings: the probability of each change.
        rng: generator of all draws.

    Returns:
        float32 array of the same shape; voxels stay in their place, so the truth still holds.
    """
    mean, unit = values.mean(), max(values.std(), 1e-3)
    changed = (values - mean) / unit
    # 0 draws no number: older cards keep their crops.
    if settings.repaint and rng.random() < settings.repaint:
        changed = _standardised(_repainted(changed, truth, rng))
    if rng.random() < settings.flatten:
        changed = _flattened(changed, truth, rng)
    if rng.random() < settings.contrast:
        changed = _standardised(_through_curve(changed, rng))
    if rng.random() < settings.invert:
        changed = -changed
    if rng.random() < settings.field:
        changed = changed + _field(changed.shape, rng)
    if rng.random() < settings.blur:
        changed = gaussian_filter(changed, rng.uniform(0.3, 1.2))
    if rng.random() < settings.noise:
        changed = changed + rng.uniform(0, 0.3) * rng.standard_normal(changed.shape)
    scaled: Values = (changed * unit + mean).astype(np.float32)
    return scaled


def _standardised(values: NDArray[Any]) -> NDArray[Any]:
    standardised: NDArray[Any] = (values - values.mean()) / max(values.std(), 1e-3)
    return standardised


def _flattened(values: NDArray[Any], truth: Mask, rng: np.random.Generator) -> NDArray[Any]:
    """The crop with a more homogeneous object: its intensities move towards their mean, smoothly at its border."""
    if not truth.any():
        return values
    inside = gaussian_filter(truth.astype(np.float32), rng.uniform(0.3, 1.0))
    flatter: NDArray[Any] = values + inside * rng.uniform(0, 1) * (values[truth].mean() - values)
    return flatter


def _repainted(values: NDArray[Any], truth: Mask, rng: np.random.Generator) -> NDArray[Any]:
    """The crop with an object that is brighter or darker than its surroundings, perhaps without texture.

    Its brightness differs from the mean of the surroundings by 0.5 to 2.5 of their standard deviations.
    """
    if not truth.any() or truth.all():
        return values
    unit = max(values[~truth].std(), 1e-3)
    level = values[~truth].mean() + unit * rng.choice((-1, 1)) * rng.uniform(0.5, 2.5)
    texture = 0.0 if rng.random() < 0.5 else rng.uniform(0, 1)
    smooth = gaussian_filter(rng.standard_normal(values.shape), rng.uniform(2, 6))
    smooth *= rng.uniform(0, 0.5) * unit / max(smooth.std(), 1e-6)
    noise = rng.uniform(0, 0.3) * unit * rng.standard_normal(values.shape)
    painted = level + texture * (values - values[truth].mean()) + smooth + noise
    inside = gaussian_filter(truth.astype(np.float32), rng.uniform(0.3, 1.0))
    repainted: NDArray[Any] = values + inside * (painted - values)
    return repainted


def _through_curve(values: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Intensities mapped by a random rising curve of two to four linear pieces from the 1st to the 99th percentile."""
    low, high = np.percentile(values, (1, 99))
    knots = int(rng.integers(3, 6))
    heights = np.sort(rng.uniform(0, 1, knots))
    mapped: NDArray[Any] = np.interp(values, np.linspace(low, high, knots), heights)
    return mapped


def _field(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """A smooth bias field, as of a receive coil: a random polynomial of second order, about 1 at most."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    terms = [*axes, *(a * b for k, a in enumerate(axes) for b in axes[k:])]
    field: NDArray[Any] = np.zeros(shape)
    for term in terms:
        field = field + rng.normal(0, 0.3) * term
    return field
