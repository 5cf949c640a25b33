"""Rounds of scribbles from label maps that a person painted on the image's grid (3D Slicer, ITK-SNAP)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.grid_differences import differences
from bifseg.core.images import read_array
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.tracing import strokes_in

_NAME = re.compile(r"(\.round-([1-9]\d*))?\.(nii|nii\.gz|nrrd|seg\.nrrd|mha|mhd|png)")


@dataclass(frozen=True)
class Labels:
    """Values of foreground and background scribbles in the label maps; 0 means no scribble."""

    foreground: int = 1
    background: int = 2


def find_maps(folder: Path, name: str) -> list[Path]:
    """The label maps of an object's rounds, one path a round.

    Args:
        folder: holds NAME.nii.gz, or NAME.round-1.nii.gz, NAME.round-2.nii.gz, ... (also nrrd, mha, mhd, png).
        name: the object's name.

    Returns:
        Paths in the order of the rounds, at least one.

    Raises:
        InputError: there is no map, a round has two maps, or a round is missing.
    """
    maps: dict[int, Path] = {}
    for path in sorted(folder.glob(f"{escape(name)}.*")):
        match = _NAME.fullmatch(path.name.removeprefix(name))
        if match:
            number = int(match[2] or 1)
            if number in maps:
                raise InputError(f"{path}: round {number} of {name} is also in {maps[number].name}; keep one")
            maps[number] = path
    if not maps:
        raise InputError(
            f"{folder}: no scribbles of {name}; save them as {name}.nii.gz, or {name}.round-1.nii.gz, ... "
            "(also nrrd, mha, mhd, png), or leave the object out of the cohort"
        )
    missing = sorted(set(range(1, max(maps) + 1)) - set(maps))
    if missing:
        raise InputError(
            f"{folder}: {name} has round {max(maps)} but not round {missing[0]}; number them from 1"
        )
    return [maps[number] for number in sorted(maps)]


def read_rounds(
    paths: list[Path], whole: Grid, plane: tuple[int, int] | None, labels: Labels
) -> tuple[tuple[Stroke, ...], ...]:
    """The strokes of each round on the object's grid, foreground first.

    A map may hold the scribbles of its round alone or all scribbles so far: only voxels whose value is new become
    strokes. Scribbles that a later map leaves out stay drawn.

    Args:
        paths: label maps on the grid of the image file, one a round.
        whole: grid of the image file.
        plane: (axis, index) of the object's slice, the only one that is read; None: the whole image.
        labels: the maps' values.

    Returns:
        One tuple of strokes a round; no paths give an empty tuple.

    Raises:
        InputError: a map is unreadable, on another grid, has an unknown value, or adds nothing to earlier rounds.
    """
    grid = whole if plane is None else whole.plane(*plane)
    drawn = np.zeros(grid.shape, np.uint8)
    rounds = []
    for path in paths:
        painted = _read(path, whole, plane, labels)
        new = np.where((painted != 0) & (painted != drawn), painted, 0)
        if not new.any():
            where = "" if plane is None else f" in slice {plane[1]} along axis {plane[0]} (from 0)"
            raise InputError(f"{path}: holds no new scribbles{where}; leave this round out")
        drawn[new > 0] = new[new > 0]
        strokes = [strokes_in(new == value, value == 1, grid.spacing) for value in (1, 2)]
        rounds.append(tuple(strokes[0] + strokes[1]))
    return tuple(rounds)


def _read(path: Path, whole: Grid, plane: tuple[int, int] | None, labels: Labels) -> NDArray[np.uint8]:
    """A label map on the object's grid: 0 no scribble, 1 foreground, 2 background."""
    voxels, grid = read_array(path)
    unequal = list(differences(whole, grid))
    if unequal:
        raise InputError(f"{path}: {'; '.join(unequal)}; save the scribbles on the grid of the image")
    unknown = np.setdiff1d(voxels, (0, labels.foreground, labels.background))
    if unknown.size:
        raise InputError(
            f"{path}: has the value {unknown[0]:g}; use {labels.foreground} for the object and {labels.background} for "
            "the background, or name your values with --foreground and --background"
        )
    painted = voxels if plane is None else np.take(voxels, plane[1], plane[0])
    return np.select([painted == labels.foreground, painted == labels.background], [1, 2], 0).astype(np.uint8)
