"""One look at every file of a cohort: its grid, its values, and how two grids differ.

Tolerances: the origin and the spacing of an image and its label map may differ by 1e-3 mm, the components of
their axes' unit vectors by 1e-4. Headers written by different tools differ by about 1e-8 to 1e-5, and 1e-4
over 300 voxels is a thirtieth of a voxel.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from bifseg.core.errors import InputError
from bifseg.core.geometry import MM_TOLERANCE, Grid
from bifseg.core.images import read_array, read_grid

DIRECTION_TOLERANCE = 1e-4

Progress = Callable[[Iterable[Any]], Iterable[Any]]
"""A display of progress: wraps what is worked through; `iter` shows nothing."""

R = TypeVar("R")


@dataclass(frozen=True)
class File:
    """What a look at one file found.

    Attributes:
        grid: None when the file cannot be read.
        problems: what is wrong with the file and what to do, without its name.
        counts: voxels per integer label value; empty for images.
    """

    grid: Grid | None
    problems: tuple[str, ...] = ()
    counts: dict[int, int] = field(default_factory=dict)

    def image_grid(self, channel: int | None) -> Grid | None:
        """The grid of the image that a channel, or None, picks from the file; None when it picks none."""
        if self.grid is None or self.grid.ndim != 4:
            return self.grid if channel is None else None
        return None if channel is None or channel >= self.grid.shape[0] else self.grid.of_channel


def each_file(job: Callable[[str], R], names: Sequence[str], progress: Progress) -> dict[str, R]:
    """The result of a job on each file's name, in the order of the names, on up to four cores."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = pool.map(job, names)
        return {name: next(results) for name in progress(names)}


def look_at_image(path: Path) -> File:
    """The grid of an image and whether all its voxels are finite; raises nothing for a bad file."""
    try:
        grid, voxels = read_grid(path), _stored(path)
        bad = int((~np.isfinite(voxels)).sum())
    except (InputError, OSError) as error:
        return File(None, (_remedy(error, path),))
    text = f"{bad} of {voxels.size} voxels are not finite; replace NaN and infinity"
    return File(grid, (text,) if bad else ())


def look_at_label(path: Path) -> File:
    """The grid of a label map and its values, which may be floats but must be whole; raises nothing."""
    try:
        voxels, grid = read_array(path)
        odd = not np.isfinite(_stored(path, voxels)).all()
    except (InputError, OSError) as error:
        return File(None, (_remedy(error, path),))
    values, counts = np.unique(voxels, return_counts=True)
    whole = np.isfinite(values) & (values == np.rint(values))
    wrong = "nan" if odd else f"{values[~whole][0]:.6g}" if not whole.all() else ""
    text = f"holds {wrong}; a label map holds integers only, save it as one"
    present = zip(values[whole], counts[whole], strict=True)
    return File(grid, (text,) if wrong else (), {int(value): int(count) for value, count in present})


def _stored(path: Path, voxels: NDArray | None = None) -> NDArray:
    """The voxels as the file stores them, in any order; raises InputError for a file cut short.

    SimpleITK turns NaN in a NIfTI file into 0 and fills the end of a cut one with 0, both without a word; of
    the other formats it gives all values, which may be handed over, and refuses what is cut.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return read_array(path)[0] if voxels is None else voxels
    try:
        return np.asarray(nibabel.load(path).dataobj.get_unscaled())  # type: ignore[attr-defined]
    except (OSError, EOFError, zlib.error, ImageFileError) as error:
        raise InputError(f"{path}: cut short or damaged; copy the file again") from error


def differences(image: Grid, label: Grid) -> Iterator[str]:
    """How a label map's grid differs from its image's beyond the tolerances, one property a line.

    Axes are named x, y, z as in the files; the grids of one file and itself yield nothing.
    """
    if label.shape != image.shape:
        yield f"shape is {label.shape}, that of the image {image.shape} (z, y, x)"
    if label.ndim != image.ndim:
        return
    spacing = np.subtract(label.spacing, image.spacing)[::-1]
    if (np.abs(spacing) > MM_TOLERANCE).any():
        yield f"spacing differs by {_along(spacing)}"
    origin = np.subtract(label.origin, image.origin)
    if (np.abs(origin) > MM_TOLERANCE).any():
        yield f"origin differs by {_along(origin)}"
    ours, theirs = np.array(label.direction)[::-1], np.array(image.direction)[::-1]
    turned = np.flatnonzero(np.abs(ours - theirs).max(axis=1) > DIRECTION_TOLERANCE)
    if turned.size:
        angles = np.degrees(np.arccos(np.clip((ours * theirs).sum(axis=1), -1, 1)))
        shown = ", ".join(f"{angles[k]:.3g} degrees for axis {'xyz'[k]}" for k in turned)
        yield f"direction differs by {shown}"


def _along(steps: NDArray) -> str:
    beyond = np.flatnonzero(np.abs(steps) > MM_TOLERANCE)
    return ", ".join(f"{abs(steps[k]):.4g} mm along {'xyz'[k]}" for k in beyond)


def _remedy(error: Exception, path: Path) -> str:
    text = str(error).removeprefix(f"{path}: ")
    return f"no such file in {path.parent}; correct the path" if text == "no such file" else text
