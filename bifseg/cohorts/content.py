"""The content fingerprint of an image, which finds the same image under another name.

Keypoints are extrema of a difference of Gaussians in canonical axes, on an isotropic grid with a fixed step in mm. The
descriptor of a keypoint is the patch around it as ranks, so that a rising change of the intensities does not matter.
Two images are the same if enough keypoints agree in their patches and in one common shift, so a crop is found too.

Limits: we do not find an image that was rotated by an angle, warped or covered with noise, or a crop to less than about
half of each side. An image under 16 steps along an axis has no fingerprint. Without a spacing, steps are counted in
pixels, and we find copies between 0.6 and 1.7 times the size; but not a flipped copy if the file states no directions.
Another channel of the same scan, or a neighbouring slice, may agree too: it is the same patient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.core.geometry import Image

STEP = {2: 1.5, 3: 2.5}
"""mm, or pixels without a spacing, between voxels of the grid on which images are compared."""
_MOST = {2: 160, 3: 200}  # keypoints of an image
_SIDE = {2: 8, 3: 5}  # samples of a patch along each axis, two steps apart
_FINE, _COARSE = 0.8, 1.6  # sigmas of the two Gaussians, in steps
_LEAST_SIDE, _MARGIN = 16, 4  # steps
_ALIKE = 0.9  # least correlation of the ranks of two patches
_NEAR = 1.2  # steps by which the shifts of agreeing keypoints may differ
LEAST_AGREEING = {True: 40, False: 12}
"""Keypoints that must agree if two images are the same: True for images with a spacing, False for those without."""
SCALES = tuple(2 ** (k / 8) for k in range(-6, 7))
"""Sizes at which an image without a spacing is compared, as multiples of its own."""


@dataclass(frozen=True)
class Fingerprint:
    """The keypoints of an image.

    Attributes:
        places: (keypoints, axes) int16, in steps.
        ranks: (keypoints, samples) uint8: the rank of each sample of a patch.
        in_mm: whether the image states a spacing.
        scale: the size at which the image was examined, as a multiple of its own.
    """

    places: NDArray[np.int16]
    ranks: NDArray[np.uint8]
    in_mm: bool = True
    scale: float = 1.0

    @cached_property
    def patches(self) -> NDArray[np.float32]:
        """The ranks with mean 0 and length 1 in each row; computed once.

        Returns:
            (keypoints, samples) float32.
        """
        centred = self.ranks - (self.ranks.shape[1] - 1) / 2
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.where(length > 0, length, 1), np.float32)


def fingerprints_of(image: Image) -> tuple[Fingerprint, ...]:
    """The content fingerprints of an image: its own, and at other sizes if it states no spacing.

    Args:
        image: (y, x) or (z, y, x), stored along any axes; a stack of one slice counts as (y, x).

    Returns:
        One of scale 1 first; those of an image that is too small or has no structure have no keypoint.
    """
    single = [axis for axis, n in enumerate(image.voxels.shape) if n == 1]
    if image.voxels.ndim == 3 and len(single) == 1:
        grid = image.grid.plane(single[0], 0)
        image = replace(image, voxels=np.take(image.voxels, 0, single[0]), grid=grid, others={})
    scales = (1.0,) if image.grid.in_mm else (1.0, *(scale for scale in SCALES if scale != 1))
    return tuple(_at_scale(image, scale) for scale in scales)


def agreeing(first: Fingerprint, second: Fingerprint) -> int:
    """The number of keypoints that two images share at one common shift.

    Args:
        first: fingerprint of an image.
        second: fingerprint of another image.

    Returns:
        0 or more; 0 if they differ in dimension or one has no keypoint.
    """
    if first.ranks.shape[1] != second.ranks.shape[1] or not len(first.places) or not len(second.places):
        return 0
    alike = first.patches @ second.patches.T
    best, rows = alike.argmax(axis=1), np.arange(len(alike))
    mutual = (alike.argmax(axis=0)[best] == rows) & (alike[rows, best] >= _ALIKE)
    shifts = (first.places[mutual] - second.places[best[mutual]]).astype(float)
    if not len(shifts):
        return 0
    apart = np.abs(shifts[:, None] - shifts[None]).max(axis=-1)
    return int((apart <= _NEAR).sum(axis=1).max())


def same_image(first: tuple[Fingerprint, ...], second: tuple[Fingerprint, ...]) -> bool:
    """Whether two images show the same content.

    Args:
        first: fingerprints of an image; all sizes are compared.
        second: fingerprints of another image; only the first is compared.

    Returns:
        False if an image has no fingerprint, or only one of them states a spacing.
    """
    if not first or not second or first[0].in_mm != second[0].in_mm:
        return False
    least = LEAST_AGREEING[second[0].in_mm]
    return any(agreeing(one, second[0]) >= least for one in first)


def is_comparable(prints: tuple[Fingerprint, ...]) -> bool:
    """Whether a copy of an image can be found.

    Args:
        prints: the image's fingerprints.

    Returns:
        False for an image that is so small or plain that it has fewer keypoints than must agree.
    """
    return bool(prints) and len(prints[0].places) >= LEAST_AGREEING[prints[0].in_mm]


def _at_scale(image: Image, scale: float) -> Fingerprint:
    """The fingerprint of an image as if its spacing were `scale` times as large."""
    turn, ndim, in_mm = image.grid.canonical(), image.voxels.ndim, image.grid.in_mm
    spacing = [scale * mm for mm in turn.ordered(image.grid.spacing)]
    values = _isotropic(turn.apply(image.voxels).astype(np.float32), spacing, STEP[ndim])
    if min(values.shape) < _LEAST_SIDE:
        samples = _SIDE[ndim] ** ndim
        return Fingerprint(np.zeros((0, ndim), np.int16), np.zeros((0, samples), np.uint8), in_mm, scale)
    fine = ndimage.gaussian_filter(values, _FINE)
    places = _keypoints(fine - ndimage.gaussian_filter(values, _COARSE), _varied(values), _MOST[ndim])
    return Fingerprint(places.astype(np.int16), _ranks(fine, places), in_mm, scale)


def _isotropic(values: NDArray[np.float32], spacing: list[float], step: float) -> NDArray[np.float32]:
    """The values at the centres of isotropic voxels; finer ones are smoothed first."""
    blur = [0.5 * np.sqrt(max((step / s) ** 2 - 1, 0)) for s in spacing]
    smooth = ndimage.gaussian_filter(values, blur) if any(blur) else values
    shape = [max(1, int(n * s / step)) for n, s in zip(values.shape, spacing, strict=True)]
    axes = [(np.arange(n) + 0.5) * step / s - 0.5 for n, s in zip(shape, spacing, strict=True)]
    at = np.meshgrid(*axes, indexing="ij")
    return np.asarray(ndimage.map_coordinates(smooth, at, order=1, mode="nearest"), np.float32)


def _varied(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Voxels away from any uniform area, since many images share the outline of a uniform background."""
    varied = ndimage.maximum_filter(values, 3) > ndimage.minimum_filter(values, 3)
    return np.asarray(ndimage.minimum_filter(varied, 7), bool)


def _keypoints(response: NDArray[np.float32], usable: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """The strongest local extrema, a few steps from the border."""
    peak = (ndimage.maximum_filter(response, 3) == response) | (
        ndimage.minimum_filter(response, 3) == response
    )
    inner = np.zeros(response.shape, bool)
    inner[(slice(_MARGIN, -_MARGIN),) * response.ndim] = True
    strength = np.abs(response)
    places = np.argwhere(peak & inner & usable & (strength > 1e-6 * strength.max()))
    order = np.argsort(-strength[tuple(places.T)], kind="stable")[:most]
    return places[order]


def _ranks(values: NDArray[np.float32], places: NDArray[np.intp]) -> NDArray[np.uint8]:
    """The ranks of the samples around each place."""
    side = _SIDE[values.ndim]
    offsets = np.array(list(product(2.0 * np.arange(side) - side + 1, repeat=values.ndim)))
    at = (places[:, None] + offsets[None]).reshape(-1, values.ndim).T
    samples = ndimage.map_coordinates(values, at, order=1, mode="nearest").reshape(len(places), len(offsets))
    return np.asarray(samples.argsort(axis=1).argsort(axis=1), np.uint8)
