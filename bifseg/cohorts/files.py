"""The grid and the values of every file of a cohort; each file is read once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bifseg.core.errors import InputError, short
from bifseg.core.geometry import Grid
from bifseg.core.images import as_float32, forms_differ, read_array, read_off_degrees
from bifseg.core.nifti import is_nifti

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
        notes: warnings without the file's name; they do not stop the preparation.
        level: mean absolute intensity of an image's voxels that are not 0; 0 for label maps and empty images.
        digest: hash of the voxels, the same for a copy in another format or stored along other axes; empty if all have
            one value.
    """

    grid: Grid | None
    problems: tuple[str, ...] = ()
    counts: dict[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    level: float = 0.0
    digest: str = ""

    def image_grid(self, channel: int | None) -> Grid | None:
        """The grid of the image that a manifest's row selects from the file.

        Args:
            channel: number of the channel in a 4D file, from 0; None for a file without channels.

        Returns:
            None if the file cannot be read, has no such channel, or `channel` is missing or not needed.
        """
        if self.grid is None or self.grid.ndim != 4:
            return self.grid if channel is None else None
        return None if channel is None or channel >= self.grid.shape[0] else self.grid.of_channel


def is_readable_format(name: str) -> bool:
    """Whether we read a file of a cohort, by the ending of its name.

    ITK reads other formats too, but a JPEG file has other label values than were written, and ITK reads a GIPL, VTK or
    JPEG file that was cut short as if it were whole.

    Args:
        name: name of the file.

    Returns:
        True for the endings of NIfTI, MetaImage, NRRD and PNG files.
    """
    return is_nifti(Path(name)) or name.lower().endswith((".mha", ".mhd", ".nrrd", ".nhdr", ".png"))


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


def inspect_image(path: Path) -> File:
    """The grid of an image, and whether all its voxels are finite as float32.

    Args:
        path: the image.

    Returns:
        Facts about the file; its faults are in `problems` and raise no error.
    """
    try:
        voxels, grid = read_array(path)
        notes = _doubts(grid, read_off_degrees(path), forms_differ(path))
    except (InputError, OSError, MemoryError) as error:
        return File(None, (_reason(error, path),))
    cast, text = as_float32(voxels)
    if text:
        return File(grid, (text,), notes=notes)
    if cast.min() == cast.max():
        return File(grid, notes=(*notes, f"all its voxels are {cast.min():.6g}; is it the image?"))
    del voxels
    digest = _digest(cast, grid)
    level = np.abs(cast, out=cast).sum(dtype=np.float64) / np.count_nonzero(cast)
    return File(grid, notes=notes, level=float(level), digest=digest)


def inspect_label_map(path: Path) -> File:
    """The grid of a label map and the number of voxels of each value.

    Args:
        path: the label map; values may be stored as floats, but must be integers.

    Returns:
        Facts about the file; its faults are in `problems` and raise no error.
    """
    try:
        voxels, grid = read_array(path)
    except (InputError, OSError, MemoryError) as error:
        return File(None, (_reason(error, path),))
    values, counts = np.unique(voxels, return_counts=True)
    whole = np.isfinite(values) & (values == np.rint(values))
    text = (
        f"holds {values[~whole][0]!s}; a label map holds integers only, save it as one"
        if not whole.all()
        else ""
    )
    present = zip(values[whole], counts[whole], strict=True)
    digest = "" if text or len(values) < 2 else _digest(as_float32(voxels)[0], grid)
    return File(
        grid, (text,) if text else (), {int(value): int(count) for value, count in present}, digest=digest
    )


def _digest(voxels: NDArray[np.float32], grid: Grid) -> str:
    """A hash of the shape, without axes of one voxel, and the voxels of each channel in canonical axes."""
    digest = hashlib.blake2b(digest_size=16)
    turn = (grid.of_channel if grid.ndim == 4 else grid).canonical()
    for channel in voxels if grid.ndim == 4 else [voxels]:
        turned = turn.apply(channel).squeeze()
        digest.update(str(turned.shape).encode())
        digest.update(np.ascontiguousarray(turned).data)
    return digest.hexdigest()


def _doubts(grid: Grid, off_degrees: float, two_places: bool) -> tuple[str, ...]:
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
    if two_places:
        doubts.append(
            "its qform and its sform place it differently; docs/cohorts.md says which we read, and other programs may "
            "read the other one"
        )
    return tuple(doubts)


def _reason(error: Exception, path: Path) -> str:
    """Why a file cannot be read, without its name."""
    if isinstance(error, MemoryError):
        return "does not fit into memory; crop or resample it, or take a larger machine"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror}); correct its permissions, or look at its disk"
    text = str(error).removeprefix(f"{path}: ")
    return f"no such file in {path.parent}; correct the path" if text == "no such file" else short(text, 200)
