"""Images that people scribbled on, as maps of scribbles, and drawings that are equal in several files.

The layout of the files is that of MedScribble (Wong et al., ECCV 2024): anywhere below a folder, one folder for each
image with `label.png`, one file for each person (`human_scribble_0.png`, `human_scribble_1.png`, ...) and an optional
`image.png`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.errors import InputError
from bifseg.core.geometry import Mask
from bifseg.core.images import read_array

ScribbleMap = NDArray[np.uint8]
"""Map of scribbles: 0 nothing, 1 foreground, 2 background."""


@dataclass(frozen=True)
class Page:
    """An image that people scribbled on.

    Attributes:
        name: name of the image's folder.
        group: name of the folder above, which holds images of one kind.
        truth: mask of the object, (y, x) or (z, y, x).
        spacing: mm, in the same order; 1 if the file has none, such as PNG, so that mm are pixels.
        people: map of scribbles of the truth's shape by person: 0 nothing, 1 foreground, 2 background.
        image: grey values of the truth's shape, or None if there is no image.
    """

    name: str
    group: str
    truth: Mask
    spacing: tuple[float, ...]
    people: dict[str, ScribbleMap]
    image: NDArray[np.generic] | None


def read_pages(folder: Path) -> list[Page]:
    """All images with scribbles below a folder, sorted by path.

    Args:
        folder: contains one folder an image, at any depth.

    Returns:
        At least one page.

    Raises:
        InputError: no image has scribbles, or a file does not fit its label.
    """
    labels = sorted(folder.rglob("label.png"))
    pages = [_read_page(path) for path in labels if any(path.parent.glob("human_scribble_*.png"))]
    if not pages:
        raise InputError(f"{folder}: no folder with label.png and human_scribble_0.png, _1.png, ... below it")
    return pages


def _read_page(label: Path) -> Page:
    truth, grid = read_array(label)
    if truth.ndim != 2 or not truth.any() or truth.all():
        raise InputError(f"{label}: must be a 2D image with an object and background")
    paths = sorted(label.parent.glob("human_scribble_*.png"))
    image = label.with_name("image.png")
    return Page(
        label.parent.name,
        label.parent.parent.name,
        truth > 0,
        (grid.spacing[0], grid.spacing[1]),
        {person_of(path): _read_scribbles(path, truth.shape) for path in paths},
        read_array(image)[0] if image.is_file() else None,
    )


def person_of(path: Path) -> str:
    """The name of the person who drew a file.

    Args:
        path: `human_scribble_NUMBER.png`, numbers from 0.

    Returns:
        `person 1` for number 0.

    Raises:
        InputError: the file's name has no number.
    """
    number = path.stem.removeprefix("human_scribble_")
    if not number.isdecimal():
        raise InputError(f"{path}: name the file human_scribble_NUMBER.png with the person's number, from 0")
    return f"person {int(number) + 1}"


def _read_scribbles(path: Path, shape: tuple[int, ...]) -> ScribbleMap:
    drawn, _ = read_array(path)
    if drawn.shape != shape:
        raise InputError(f"{path}: has shape {drawn.shape}, its label {shape}; save them on one grid")
    return as_scribble_map(path, drawn)


def as_scribble_map(path: Path, voxels: NDArray[Any]) -> ScribbleMap:
    """The voxels of a file as a map of scribbles.

    Args:
        path: the file, for the message.
        voxels: its voxels, of any shape and type.

    Returns:
        A map of the same shape.

    Raises:
        InputError: a value is not 0, 1 or 2.
    """
    unknown = np.setdiff1d(voxels, (0, 1, 2))
    if unknown.size:
        raise InputError(f"{path}: has the value {unknown[0]:g}; use 0 nothing, 1 foreground, 2 background")
    return voxels.astype(np.uint8)


def without_copies(pages: list[Page]) -> tuple[list[Page], list[str]]:
    """The pages without drawings that are equal in several files.

    Nobody draws the same twice to the voxel: all but one of the files are copies, and it is unknown which.

    Args:
        pages: all images, with all persons.

    Returns:
        The pages without these drawings, and a line for each set of equal drawings, such as
        `group/a person 1 = group/b person 2`.
    """
    copied, lines = copies(
        (f"{page.group}/{page.name} {who}", drawn) for page in pages for who, drawn in page.people.items()
    )
    distinct = [
        replace(page, people={who: d for who, d in page.people.items() if drawing_key(d) not in copied})
        for page in pages
    ]
    return distinct, lines


def copies(drawings: Iterable[tuple[str, ScribbleMap]]) -> tuple[set[bytes], list[str]]:
    """The drawings that are equal in several places.

    Args:
        drawings: where each map was drawn, and the map.

    Returns:
        The `drawing_key` of each such map, and a line for it, such as `group/a person 1 = group/b person 2`.
    """
    places: dict[bytes, list[str]] = {}
    for place, drawn in drawings:
        places.setdefault(drawing_key(drawn), []).append(place)
    equal = {key: names for key, names in places.items() if len(names) > 1}
    return set(equal), [" = ".join(names) for names in equal.values()]


def drawing_key(drawn: ScribbleMap) -> bytes:
    """A key that is equal for equal maps of scribbles, and only for them.

    Args:
        drawn: a map of scribbles.

    Returns:
        Shape and voxels as bytes.
    """
    return repr(drawn.shape).encode() + drawn.tobytes()
