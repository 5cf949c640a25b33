"""What goes between a session and the process of its method: lines of JSON, and NIfTI files for arrays.

docs/plugins.md describes them for programs that are not written with bifseg. Arrays are (z, y, x) or (y, x). The
grid stands in the message too, since a NIfTI file keeps single precision and no slice of an oblique stack.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bifseg.core.geometry import Box, Grid, Image, Mask
from bifseg.core.images import read_array, write_array
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.contract import BrokenContract

IMAGE, SCRIBBLES, RESULT = "image.nii", "scribbles.nii", "result.nii"


def image_message(image: Image, box: Box, folder: Path) -> dict[str, Any]:
    """The message of an image and a box; the voxels go to FOLDER/image.nii."""
    write_array(folder / IMAGE, image.voxels, _flat(image.grid), durable=False)
    return {"image": IMAGE, "modality": image.modality, "grid": asdict(image.grid), "box": asdict(box)}


def read_image_message(message: dict[str, Any], folder: Path) -> tuple[Image, Box]:
    """The image and the box of a message."""
    grid = Grid.from_record(message["grid"])
    voxels = read_array(folder / message["image"])[0]
    return Image(voxels, grid, message["modality"]), Box(**{k: tuple(v) for k, v in message["box"].items()})


def scribbles_message(scribbles: Scribbles, grid: Grid, folder: Path) -> dict[str, Any]:
    """The message of all scribbles so far: a label map in FOLDER/scribbles.nii, and the strokes in voxels."""
    write_array(folder / SCRIBBLES, scribbles.label_map(), _flat(grid), durable=False)
    strokes = [
        {"foreground": s.foreground, "path": s.path.tolist(), "voxels": s.voxels.tolist()}
        for s in scribbles.strokes
    ]
    return {"scribbles": SCRIBBLES, "strokes": strokes}


def read_scribbles_message(message: dict[str, Any], shape: tuple[int, ...]) -> Scribbles:
    """The scribbles of a message."""
    strokes = (
        Stroke(s["foreground"], np.array(s["path"], float), np.array(s["voxels"], np.intp))
        for s in message["strokes"]
    )
    return Scribbles(shape, tuple(strokes))


def write_result(mask: Mask, grid: Grid, folder: Path) -> None:
    """Answer with a mask, in FOLDER/result.nii."""
    write_array(folder / RESULT, mask, _flat(grid), durable=False)


def read_result(shape: tuple[int, ...], folder: Path) -> Mask:
    """The mask of an answer; raises BrokenContract where it has another shape, or holds more than 0 and 1."""
    try:
        found = read_array(folder / RESULT)[0]
    except ValueError as error:
        raise BrokenContract(f"{RESULT} cannot be read: {error}") from error
    if found.shape != shape:
        raise BrokenContract(f"{RESULT} must have the image's shape {shape} (z, y, x), has {found.shape}")
    if not np.isin(found, (0, 1)).all():
        raise BrokenContract(f"{RESULT} must hold 0 and 1 only, holds {found[~np.isin(found, (0, 1))][0]}")
    return found.astype(bool)


def _flat(grid: Grid) -> Grid:
    """The grid as NIfTI can keep it: a slice that lies in a volume's world loses its place, not its spacing."""
    return grid if len(grid.origin) == grid.ndim else Grid.plain(grid.shape, grid.spacing)
