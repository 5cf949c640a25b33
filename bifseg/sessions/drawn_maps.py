"""Scribbles that a person saved as label maps on the image's grid (3D Slicer, ITK-SNAP), read as recorded rounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bifseg.cohorts.files import differences
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.images import read_array
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.tracing import strokes_in

_NAME = re.compile(r"(\.round-([1-9]\d*))?\.(nii|nii\.gz|nrrd|seg\.nrrd|mha|mhd|png)")


@dataclass(frozen=True)
class Labels:
    """Values of the object and of the background in the label maps; 0 is nothing."""

    foreground: int = 1
    background: int = 2


def find_maps(folder: Path, name: str) -> list[Path]:
    """The label maps of an object's rounds: NAME.nii.gz, or NAME.round-1.nii.gz, NAME.round-2.nii.gz, ...

    Raises:
        InputError: there is none, or one too many for a round, or a round is missing.
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
            "(also nrrd, mha, png), or leave the object out of the cohort"
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
    """The strokes of each round, foreground first, on the object's grid.

    A map may hold its round alone or everything so far: what an earlier map holds already is not drawn again. What a
    later one leaves out stays drawn.

    Args:
        paths: label maps on the grid of the image file, a round each.
        whole: grid of the image file.
        plane: (axis, index) of the object's slice, which alone counts; None for an object on the whole image.
        labels: the maps' values.

    Raises:
        InputError: a map is unreadable, on another grid, has another value, or adds nothing to the round before.
    """
    grid = whole if plane is None else whole.plane(*plane)
    drawn = np.zeros(grid.shape, np.uint8)
    rounds = []
    for path in paths:
        shown = _read(path, whole, plane, labels)
        new = np.where((shown != 0) & (shown != drawn), shown, 0)
        if not new.any():
            where = "" if plane is None else f" in slice {plane[1]} along axis {plane[0]} (from 0)"
            raise InputError(
                f"{path}: holds no scribbles{where} that were not drawn before; leave this round out"
            )
        drawn[new > 0] = new[new > 0]
        strokes = [strokes_in(new == value, value == 1, grid.spacing) for value in (1, 2)]
        rounds.append(tuple(strokes[0] + strokes[1]))
    return tuple(rounds)


def _read(path: Path, whole: Grid, plane: tuple[int, int] | None, labels: Labels) -> NDArray[np.uint8]:
    """The object's part of a label map: 0 nothing, 1 foreground, 2 background."""
    voxels, grid = read_array(path)
    wrong = list(differences(whole, grid))
    if wrong:
        raise InputError(f"{path}: {'; '.join(wrong)}; save the scribbles on the grid of the image")
    strange = np.setdiff1d(voxels, (0, labels.foreground, labels.background))
    if strange.size:
        raise InputError(
            f"{path}: has the value {strange[0]:g}; use {labels.foreground} for the object and {labels.background} for "
            "the background, or say which with --foreground and --background"
        )
    shown = voxels if plane is None else np.take(voxels, plane[1], plane[0])
    return np.select([shown == labels.foreground, shown == labels.background], [1, 2], 0).astype(np.uint8)
