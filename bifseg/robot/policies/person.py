"""The policy `person`: several strokes that follow the error's border at a distance, as recorded people drew them.

Number, length, depth, thickness and wobble are drawn from distributions that were fitted to people's scribbles
(`person-1.json` and `person-2.json` name the data, the licence and the date). The strokes are not clipped
to the error: they cross its border as people's do. A released version never changes what it draws.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import brushed
from bifseg.robot.drawing.lines import DECIMALS, Flat, Line, centre_line, cut, inside, travelled_mm
from bifseg.robot.drawing.regions import Patch, largest_patches
from bifseg.robot.policies.policy import Errors, Policy, between

_WAVE_MM = 8.0  # sigma along the path over which the hand's deviation stays alike
_MOST_WAVE = 400  # points; bounds the work on tiny voxels
FITTED = {version: Path(__file__).with_name(f"person-{version}.json") for version in (1, 2)}
"""The files of fitted numbers by version, with the source of the data."""


@dataclass(frozen=True)
class PersonParams:
    """Numbers of `person`, fitted to people; pairs are of foreground and background strokes, unless they say otherwise.

    Attributes:
        min_area_mm2: smallest piece of an error worth a stroke, mm2 in the drawn plane (our default).
        number: median number of strokes on an error of one piece.
        number_sd: standard deviation of its logarithm.
        pieces_power: the number grows with this power of the error's number of pieces in the plane.
        length: median length of a stroke, relative to the square root of the object's area in the plane.
        length_sd: standard deviation of its logarithm.
        max_length_mm: longest stroke, mm along its path (our default).
        depth: (least, most) depth of the line that a stroke follows, as a share of the greatest depth; uniform.
        reach_mm: median of the greatest distance between the object and a background stroke.
        reach_sd: standard deviation of its logarithm.
        brush_radius_mm: radius of the usual brush.
        thin_radius_mm: radius of the thin brush.
        thin_share: share of rounds that are drawn with the thin brush.
        wobble_mm: standard deviation of the hand's deviation to a side.
    """

    min_area_mm2: float
    number: tuple[float, float]
    number_sd: float
    pieces_power: float
    length: tuple[float, float]
    length_sd: float
    max_length_mm: float
    depth: tuple[float, float]
    reach_mm: float
    reach_sd: float
    brush_radius_mm: float
    thin_radius_mm: float
    thin_share: float
    wobble_mm: float


def read_params(path: Path) -> PersonParams:
    """The numbers of a file.

    Args:
        path: JSON with the key `params`.

    Returns:
        The numbers; lists become tuples.
    """
    params: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["params"]
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
    return PersonParams(**values)


class Person(Policy):
    """Several strokes along the errors' borders; their number, length, place and flaws are fitted to people's."""

    name = "person"
    params = read_params(FITTED[1])
    strokes_per_label = 12
    crosses = True

    def _drawn(self, errors: Errors, rng: np.random.Generator, most: int) -> Iterator[Stroke]:
        """At most `most` strokes of each label, all in the plane that shows most of its largest error."""
        thin = rng.random() < self.params.thin_share
        radius_mm = self.params.thin_radius_mm if thin else self.params.brush_radius_mm
        for foreground, wrong in errors.by_label():
            for patch in largest_patches(wrong, errors.spacing, self.params.min_area_mm2):
                plane = tuple(
                    slice(None) if axis in patch.axes else patch.corner[axis] for axis in range(wrong.ndim)
                )
                corner = tuple(0 if axis in patch.axes else patch.corner[axis] for axis in range(wrong.ndim))
                sheet = Patch(wrong[plane], patch.spacing, patch.axes, corner)
                yield from self._round(foreground, sheet, errors.truth[plane], radius_mm, rng, most)

    def _round(
        self,
        foreground: bool,
        sheet: Patch,
        truth: Mask,
        radius_mm: float,
        rng: np.random.Generator,
        most: int,
    ) -> Iterator[Stroke]:
        """The strokes of a label in a plane; the mask of `sheet` is the error in it."""
        p, side, left = self.params, 0 if foreground else 1, sheet.mask.copy()
        spacing, shown = sheet.spacing, np.ones_like(sheet.mask)
        object_mm2 = float((truth if truth.any() else sheet.mask).sum() * np.prod(spacing))
        pieces = len(largest_patches(left, spacing, p.min_area_mm2, left.size))
        n = p.number[side] * pieces**p.pieces_power * np.exp(p.number_sd * rng.standard_normal())
        for _ in range(min(most, max(1, round(n)))):
            patches = largest_patches(left, spacing, p.min_area_mm2)
            if not patches:
                return
            length = p.length[side] * np.sqrt(object_mm2) * np.exp(p.length_sd * rng.standard_normal())
            line = self._line(patches[0], None if foreground else truth, rng)
            path = cut(line, spacing, 1.0, min(length, p.max_length_mm), rng.random())
            moved = np.clip(_wobbled(path, spacing, p.wobble_mm, rng), 0, np.array(left.shape) - 1)
            moved = cut(moved, spacing, 1.0, p.max_length_mm, 0.5)
            voxels = brushed(moved, shown, spacing, radius_mm)
            if sheet.mask[tuple(voxels.T)].any():
                path = moved
            else:  # nobody misses the whole error
                voxels = brushed(path, shown, spacing, radius_mm)
            yield Stroke(foreground, sheet.to_image(path), sheet.to_image(voxels))
            left[tuple(brushed(path, shown, spacing, 3 * radius_mm).T)] = False

    def _line(self, patch: Patch, truth: Mask | None, rng: np.random.Generator) -> Line:
        """The longest line at the drawn depth in a patch of the plane, in voxels of the plane.

        The depth of a foreground stroke is the distance to the patch's border, that of a background stroke the distance
        to the object.
        """
        share, reach, start, turn = rng.random(), rng.standard_normal(), rng.random(), rng.random()
        share = between(self.params.depth, share)
        around = tuple(slice(a, a + n) for a, n in zip(patch.corner, patch.mask.shape, strict=True))
        if truth is not None and truth.any():
            depth_mm = ndimage.distance_transform_edt(~truth, sampling=patch.spacing)[around]
            nearest = depth_mm[patch.mask].min()
            farthest_mm = self.params.reach_mm * np.exp(self.params.reach_sd * reach)
            level = nearest + min(share * (depth_mm[patch.mask].max() - nearest), farthest_mm)
        else:
            padded_mm = ndimage.distance_transform_edt(np.pad(patch.mask, 1), sampling=patch.spacing)
            depth_mm = padded_mm[1:-1, 1:-1]
            level = share * depth_mm.max()
        thin = min(2 * max(patch.spacing), depth_mm[patch.mask].max())
        has_contour = level >= thin and min(depth_mm.shape) >= 2
        runs = _runs(depth_mm.round(DECIMALS), level, patch, start) if has_contour else []
        if not runs:
            return centre_line(patch.mask, patch.spacing, np.pi * turn) + patch.corner
        lengths = [travelled_mm(run, patch.spacing)[-1].round(DECIMALS) for run in runs]
        return runs[int(np.argmax(lengths))] + patch.corner


class PersonAround(Person):
    """Strokes as from `person/1`, but the first ones on the background go round the object; fitted on whole images."""

    version = 2
    params = read_params(FITTED[2])
    surrounds = True


def _runs(depth_mm: NDArray[np.float64], level: float, patch: Patch, start: float) -> list[Line]:
    """The parts of the lines of equal depth inside a patch; closed lines are opened at `start`."""
    parts: list[Line] = []
    for line in find_contours(depth_mm, level):
        line = line.round(DECIMALS)
        if len(line) > 2 and (line[0] == line[-1]).all():
            loop = line[:-1]
            outside = np.flatnonzero(~inside(loop, patch.mask))
            first = int(outside[0]) if outside.size else int(start * len(loop))
            opened = np.roll(loop, -first, axis=0)
            line = opened if outside.size else np.concatenate([opened, opened[:1]])
        runs, n = ndimage.label(inside(line, patch.mask))
        parts += [line[runs == k] for k in range(1, n + 1)]
    return parts


def _wobbled(path: Line, spacing: Flat, wobble_mm: float, rng: np.random.Generator) -> Line:
    """The path as an unsteady hand draws it: smoothly displaced along both axes, by at most two deviations."""
    noise = rng.standard_normal((len(path), 2))
    length = travelled_mm(path, spacing)[-1]
    if wobble_mm == 0 or length == 0:
        return path
    sigma = min(_WAVE_MM * (len(path) - 1) / length, _MOST_WAVE)
    smooth = ndimage.gaussian_filter1d(noise, sigma, axis=0, mode="nearest")
    # The filter divides the standard deviation of white noise by this factor.
    smoothing = np.sqrt(2 * np.sqrt(np.pi) * max(sigma, 0.3))
    away_mm = wobble_mm * np.clip(smoothing * smooth, -2, 2)
    moved: Line = (path + away_mm / np.array(spacing)).round(DECIMALS)
    return moved
