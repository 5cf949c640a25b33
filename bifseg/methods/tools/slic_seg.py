"""Slic-Seg in one slice: a random forest learns patch features from the scribbles, then a min-cut.

Wang et al., "Slic-Seg: slice-by-slice segmentation propagation of the placenta in fetal MRI using one-plane
scribbles and online learning", MICCAI 2015, and Medical Image Analysis 34, 2016. Features, forest and connectivity
follow the authors' published program (github.com/gift-surg/SlicSeg). Its propagation to other slices is left out,
since a session is on one slice.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import binary_closing, correlate1d, label
from sklearn.ensemble import RandomForestClassifier

from bifseg.cards.card import Card
from bifseg.core.geometry import Mask
from bifseg.methods.graphs.crf import LabelUpdate
from bifseg.methods.tools.from_scribbles import FromScribbles
from bifseg.methods.tools.window import Window

_BINS = 8
_REACH = 8  # no feature looks further, in voxels
# Radius 3 voxels.
_DISC = np.hypot(*np.indices((7, 7)) - 3) <= 3


class SlicSegSettings(Card):
    """Settings of Slic-Seg; docs/method.md says which images chose lambda and sigma."""

    trees: Annotated[int, Field(ge=1)] = Field(20, description="trees of the forest (authors: 20)")
    depth: Annotated[int, Field(ge=1)] = Field(8, description="greatest depth of a tree (authors: 8)")
    strength: Annotated[float, Field(ge=0)] = Field(
        10.0, description="lambda of the min-cut (the authors' 5 belongs to a much weaker unary term)"
    )
    sigma: Annotated[float, Field(gt=0)] = Field(
        0.07,
        description="contrast at which a boundary becomes cheap (authors: 3.5 of 255, worse at each lambda tried)",
    )
    connected: bool = Field(
        True,
        description="only regions connected to foreground scribbles are likely foreground (authors: yes)",
    )


class SlicSeg(FromScribbles):
    """A forest that learns from the user's scribbles alone; equal settings and scribbles give equal masks.

    We grow scikit-learn's forest anew each round from all scribbles so far; the authors' online forest keeps its
    trees and passes the new samples down them. We leave out their background seeds along the image's border, since
    background comes from the user alone, and their final closing and opening, which cost rounds on the validation
    split. The tool starts from scribbles (`FromScribbles`).

    Args:
        **settings: fields of `SlicSegSettings`; a wrong one raises pydantic.ValidationError.
    """

    dimensions = frozenset({2})

    def __init__(self, **settings: Any) -> None:
        self.settings = chosen = SlicSegSettings(**settings)
        self._forest = RandomForestClassifier(
            chosen.trees, max_depth=chosen.depth, class_weight="balanced", n_jobs=1, random_state=0
        )

    def _prepare(self, window: Window) -> None:
        """Compute the features and the pairwise part of the min-cut."""
        self._features = features(window.intensity)
        strength, sigma = self.settings.strength, self.settings.sigma
        self._cut = LabelUpdate(window.intensity, window.spacing, strength, sigma, full=False)

    def _segment(self, drawn: NDArray[np.uint8]) -> Mask:
        """The min-cut of the forest's probabilities."""
        probability = self._probability(drawn)
        if self.settings.connected:
            probability = connected(probability, self._window.intensity, drawn == 1)
        return self._cut(probability, drawn)

    def _probability(self, drawn: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probability of foreground, of the window's shape."""
        self._forest.fit(self._features[drawn > 0], drawn[drawn > 0] == 1)
        rows = self._features.reshape(-1, self._features.shape[-1])
        probability: NDArray[np.float64] = self._forest.predict_proba(rows)[:, 1].reshape(drawn.shape)
        return probability


def connected(probability: NDArray[Any], intensity: NDArray[Any], foreground: Mask) -> NDArray[np.float64]:
    """Probabilities, multiplied by 0.4 outside the regions that are connected to the scribbles.

    A region is a set of 8-connected voxels of likely foreground (p >= 0.5, closed by a disc of radius 3 voxels) whose
    intensity lies between 3 standard deviations below and 2 above the mean under the foreground scribbles. All these
    numbers are the authors'.

    Args:
        probability: of foreground, (y, x).
        intensity: of the same shape.
        foreground: bool array of the same shape, True at foreground scribbles; without any, no region is connected.

    Returns:
        Probabilities of the same shape.
    """
    likely = binary_closing(np.pad(probability >= 0.5, 3), _DISC)[3:-3, 3:-3]
    if foreground.any():
        mean, deviation = intensity[foreground].mean(), intensity[foreground].std()
        likely &= (intensity > mean - 3 * deviation) & (intensity < mean + 2 * deviation)
    parts, _ = label(likely | foreground, np.ones((3, 3)))
    scribbled = np.isin(parts, np.unique(parts[foreground]))
    return np.where(scribbled, probability, 0.4 * probability)


def features(intensity: NDArray[Any]) -> NDArray[np.float32]:
    """The features of each voxel; lengths are in voxels, edges are mirrored.

    | columns | feature |
    |---|---|
    | 0, 1 | mean and standard deviation in 5 x 5 |
    | 2 | size of the gradient |
    | 3-10 | its directions in 9 x 9, 8 bins from -pi to pi (`directions`) |
    | 11-24 | mean and standard deviation of each band of two levels of the Haar wavelet in 8 x 8 (`haar`) |

    The authors' other columns are monotone functions of columns 0 and 2, which a tree cannot tell from them.

    Args:
        intensity: (y, x).

    Returns:
        (y, x, 25), rounded to 6 digits.
    """
    # The image itself is mirrored: filtered values would differ at the window's edge, where strokes often lie.
    values = np.pad(np.asarray(intensity, np.float64), _REACH, mode="symmetric")
    size, bins = directions(values)
    near = moments(values, np.full(5, 0.2))
    # Rounded, so that a tree cannot split a flat region by the last digits of a sum.
    columns = np.stack([*near, size, *bins, *haar(values)], axis=-1)
    return columns[_REACH:-_REACH, _REACH:-_REACH].round(6).astype(np.float32)


def moments(values: NDArray[Any], taps: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weighted mean and standard deviation of the neighbourhood of each voxel.

    Args:
        values: (y, x).
        taps: (n,) weights along both axes, with sum 1; those of voxel i begin at voxel i - n // 2.

    Returns:
        Mean and standard deviation, each (y, x).
    """
    mean = _filter(values, taps, taps)
    return mean, np.sqrt(np.maximum(_filter(values**2, taps, taps) - mean**2, 0.0))


def directions(values: NDArray[Any]) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Size of the gradient, and its histogram of directions: sizes weighted by exp(-d^2 / 4^2) in 9 x 9.

    Args:
        values: (y, x).

    Returns:
        The size, and 8 bins, each (y, x). The bins of a voxel sum to 1, or are 0 where its neighbourhood is flat.
    """
    slope, one = np.array([-0.5, 0.0, 0.5]), np.ones(1)
    dy, dx = _filter(values, slope, one), _filter(values, one, slope)
    size, angle = np.hypot(dy, dx), np.arctan2(dy, dx)
    which = np.floor((angle + np.pi) / (2 * np.pi) * _BINS).astype(int) % _BINS
    fall = np.exp(-(np.arange(-4, 5) ** 2) / 16.0)
    bins = np.stack([_filter(size * (which == k), fall, fall) for k in range(_BINS)])
    total = bins.sum(axis=0)
    return size, list(np.divide(bins, total, out=np.zeros_like(bins), where=total > 1e-9))


def haar(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Haar wavelet features of the 8 x 8 voxels from 4 before to 3 after each voxel.

    Level 1 has 4 x 4 coefficients of 2 x 2 voxels, level 2 has 2 x 2 of 4 x 4 voxels.

    Args:
        values: (y, x).

    Returns:
        Mean and standard deviation of each of the 7 bands, each (y, x).
    """
    bands: list[NDArray[Any]] = []
    low = values
    for step in (1, 2):
        add, subtract = np.zeros((2, step + 1))
        add[[0, -1]], subtract[[0, -1]] = 0.5**0.5, (-(0.5**0.5), 0.5**0.5)
        taps = np.zeros(8)
        taps[:: 2 * step] = step / 4
        for along_y, along_x in ((add, subtract), (subtract, add), (subtract, subtract)):
            bands += moments(_filter(low, along_y, along_x, ahead=1), taps)
        low = _filter(low, add, add, ahead=1)
    return bands + list(moments(low, taps))


def _filter(
    values: NDArray[Any], along_y: NDArray[Any], along_x: NDArray[Any], ahead: int = 0
) -> NDArray[Any]:
    by_row = correlate1d(values, along_y, axis=0, mode="reflect", origin=-ahead)
    filtered: NDArray[Any] = correlate1d(by_row, along_x, axis=1, mode="reflect", origin=-ahead)
    return filtered
