"""Grid and values of every file of a cohort, each read once, and differences between two grids.

Tolerances: the origin and the spacing of an image and its label map may differ by 1e-3 mm, the components of
their axes' unit vectors by 1e-4. Headers written by different tools differ by about 1e-8 to 1e-5, and 1e-4
over 300 voxels is a thirtieth of a voxel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bifseg.core.errors import InputError, short
from bifseg.core.geometry import MM_TOLERANCE, Grid
from bifseg.core.images import as_float32, read_array, read_off_degrees

DIRECTION_TOLERANCE = 1e-4
FINEST_MM, COARSEST_MM = 0.02, 20.0
"""Spacings beyond these get a note: few scanners have them, but headers in metres or micrometres do."""

Progress = Callable[[Iterable[Any]], Iterable[Any]]
"""A display of progress: wraps the items of a loop; `iter` shows nothing."""

R = TypeVar("R")


@dataclass(frozen=True)
class File:
    """Facts about one file of a cohort.

    Attributes:
        grid: None if the file cannot be read.
        problems: faults of the file and what to do, without its name.
        counts: voxels per integer label value; empty for images.
        notes: doubts, which stop nothing, without the file's name.
        level: mean absolute intensity of an image's voxels that are not 0; 0 for label maps and empty images.
    """

    grid: Grid | None
    problems: tuple[str, ...] = ()
    counts: dict[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    level: float = 0.0

    def image_grid(self, channel: int | None) -> Grid | None:
        """The grid of the image that a manifest's row selects from the file.

        Args:
            channel: number of the channel in a 4D file, from 0; None for a file without channels.

        Returns:
            None if the file cannot be read, has no such channel, or the channel is missing or superfluous.
        """
        if self.grid is None or self.grid.ndim != 4:
            return self.grid if channel is None else None
        return None if channel is None or channel >= self.grid.shape[0] else self.grid.of_channel


def each_file(job: Callable[[str], R], names: Sequence[str], progress: Progress) -> dict[str, R]:
    """The result of a job on each file, on up to four threads.

    Args:
        job: takes a file's name.
        names: the files.
        progress: wraps the names.

    Returns:
        Results by name, in the order of the names.
    """
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = pool.map(job, names)
        return {name: next(results) for name in progress(names)}


def look_at_image(path: Path) -> File:
    """The grid of an image, and whether all its voxels are finite as float32.

    Args:
        path: the image.

    Returns:
        Faults are in `problems`; none is raised.
    """
    try:
        voxels, grid = read_array(path)
        notes = _doubts(grid, read_off_degrees(path))
    except (InputError, OSError, MemoryError) as error:
        return File(None, (_reason(error, path),))
    text = as_float32(voxels)[1]
    if text:
        return File(grid, (text,), notes=notes)
    sizes = np.abs(voxels[voxels != 0], dtype=np.float64)
    return File(grid, notes=notes, level=float(sizes.mean()) if sizes.size else 0.0)


def look_at_label(path: Path) -> File:
    """The grid of a label map and the number of voxels of each value.

    Args:
        path: the label map; values may be stored as floats, but must be integers.

    Returns:
        Faults are in `problems`; none is raised.
    """
    try:
        voxels, grid = read_array(path)
    except (InputError, OSError, MemoryError) as error:
        return File(None, (_reason(error, path),))
    values, counts = np.unique(voxels, return_counts=True)
    whole = np.isfinite(values) & (values == np.rint(values))
    text = (
        f"holds {values[~whole][0]:.6g}; a label map holds integers only, save it as one"
        if not whole.all()
        else ""
    )
    present = zip(values[whole], counts[whole], strict=True)
    return File(grid, (text,) if text else (), {int(value): int(count) for value, count in present})


def _doubts(grid: Grid, off_degrees: float) -> tuple[str, ...]:
    """Properties of an image's grid that are unusual but possible."""
    finest, coarsest = min(grid.spacing), max(grid.spacing)
    doubts = []
    if finest < FINEST_MM or coarsest > COARSEST_MM:
        doubts.append(
            f"its spacing is {finest:.4g} to {coarsest:.4g} mm, is that right? All distances are computed from it; "
            "correct the header if it is in other units"
        )
    if off_degrees:
        doubts.append(f"its axes are {off_degrees:.2g} degrees off right angles; we straighten them")
    return tuple(doubts)


def differences(image: Grid, label: Grid) -> Iterator[str]:
    """Differences between the grids of a label map and its image beyond the tolerances.

    Args:
        image: the image's grid.
        label: the label map's grid.

    Yields:
        One line for each of shape, spacing, origin and direction that differs; axes are x, y, z as in the files.
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


def _along(steps: NDArray[Any]) -> str:
    beyond = np.flatnonzero(np.abs(steps) > MM_TOLERANCE)
    return ", ".join(f"{abs(steps[k]):.4g} mm along {'xyz'[k]}" for k in beyond)


def _reason(error: Exception, path: Path) -> str:
    """Why a file cannot be read, without its name."""
    if isinstance(error, MemoryError):
        return "does not fit into memory; crop or resample it, or take a larger machine"
    text = str(error).removeprefix(f"{path}: ")
    return f"no such file in {path.parent}; correct the path" if text == "no such file" else short(text, 200)
