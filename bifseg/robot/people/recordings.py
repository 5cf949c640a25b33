"""The recordings file: strokes that people drew on images, in world mm, with the images and the truth.

`bifseg robot record` writes it. The strokes have the keys of a session's prompts (`Stroke.to_record`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bifseg.core.errors import InputError
from bifseg.core.files import read_record, write_text
from bifseg.core.geometry import Grid, Mask
from bifseg.core.grid_differences import differences
from bifseg.core.images import read_array
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.robot.people.pages import Page

FORMAT = "bifseg-recordings/1"
_REMEDY = "name a file that `bifseg robot record` wrote"


@dataclass(frozen=True)
class Timed:
    """A person's stroke, and when it was drawn.

    Attributes:
        stroke: on the image's voxels.
        start_s: seconds from the beginning of the drawing to the stroke's first point; None: not recorded.
        end_s: the same to its last point.
    """

    stroke: Stroke
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class Recorded:
    """An image with the strokes of several people, each of whom drew on it once and without seeing a result.

    Attributes:
        group: name of the set of images.
        name: name of the image, unique in its set.
        truth: file of the ground truth.
        label: value of the object in the truth; None: every value but 0.
        image: file of the image; None: unknown.
        grid: grid of the truth.
        people: each person's strokes in drawing order, by the person's name.
    """

    group: str
    name: str
    truth: Path
    label: int | None
    image: Path | None
    grid: Grid
    people: Mapping[str, tuple[Timed, ...]]

    def scribbles(self, person: str) -> Scribbles:
        """A person's strokes.

        Args:
            person: a key of `people`.

        Returns:
            All strokes on the image's voxels.
        """
        return Scribbles(self.grid.shape, tuple(timed.stroke for timed in self.people[person]))

    def page(self) -> Page:
        """The image as the comparisons with the robot take it.

        Returns:
            Truth, each person's map of scribbles, and grey values if the recording names an image.

        Raises:
            InputError: a file is missing, or its grid is not that of the recording.
        """
        return Page(
            self.name,
            self.group,
            read_truth(self.truth, self.label, self.grid),
            self.grid.spacing,
            {person: self.scribbles(person).label_map() for person in self.people},
            None if self.image is None else _on_grid(self.image, self.grid),
        )


def read_truth(path: Path, label: int | None, grid: Grid | None = None) -> Mask:
    """The mask of the object.

    Args:
        path: file of the truth.
        label: value of the object; None: every value but 0.
        grid: the grid that the file must have; None: any.

    Returns:
        Mask, (z, y, x) or (y, x), neither empty nor full.

    Raises:
        InputError: the file is unreadable, on another grid, or has no object or no background.
    """
    voxels = read_array(path)[0] if grid is None else _on_grid(path, grid)
    truth: Mask = voxels != 0 if label is None else voxels == label
    if truth.ndim not in (2, 3) or not truth.any() or truth.all():
        raise InputError(
            f"{path}: must be a 2D or 3D image with an object (label {'any' if label is None else label}) and "
            "background; correct the file or the label"
        )
    return truth


def _on_grid(path: Path, grid: Grid) -> np.ndarray:
    voxels, own = read_array(path)
    unequal = list(differences(grid, own))
    if unequal:
        raise InputError(f"{path}: {'; '.join(unequal)}; the strokes were recorded on another grid")
    return voxels


def write_recordings(path: Path, recorded: list[Recorded]) -> None:
    """Write the recordings of several images as JSON.

    Args:
        path: the file; paths of images and truths are stored relative to its folder.
        recorded: the images.
    """
    folder = path.resolve().parent
    images = [
        {
            "set": item.group,
            "name": item.name,
            "truth": os.path.relpath(item.truth.resolve(), folder),
            "label": item.label,
            "image": None if item.image is None else os.path.relpath(item.image.resolve(), folder),
            "grid": asdict(item.grid),
            "people": {
                person: [_record(timed, item.grid) for timed in strokes]
                for person, strokes in item.people.items()
            },
        }
        for item in recorded
    ]
    record = {"format": FORMAT, "images": images}
    write_text(path, json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n")


def _record(timed: Timed, grid: Grid) -> dict[str, Any]:
    times = {"start_s": timed.start_s, "end_s": timed.end_s} if timed.start_s is not None else {}
    return timed.stroke.to_record(grid) | times


def read_recordings(path: Path) -> list[Recorded]:
    """The recordings of a file that `write_recordings` wrote.

    Args:
        path: the file.

    Returns:
        At least one image.

    Raises:
        InputError: the file is missing, damaged, or of another format.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; write it with `bifseg robot record`")
    record = read_record(path, "format", "images", remedy=_REMEDY)
    if record["format"] != FORMAT or not record["images"]:
        raise InputError(f"{path}: not a {FORMAT} file with an image; {_REMEDY}")
    try:
        return [_recorded(item, path.resolve().parent) for item in record["images"]]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: damaged ({error!r}); {_REMEDY}") from error


def _recorded(item: Mapping[str, Any], folder: Path) -> Recorded:
    grid = Grid.from_record(item["grid"])
    people = {
        person: tuple(_timed(item["name"], person, strokes, grid))
        for person, strokes in item["people"].items()
    }
    image = None if item["image"] is None else folder / item["image"]
    return Recorded(item["set"], item["name"], folder / item["truth"], item["label"], image, grid, people)


def _timed(image: str, person: str, strokes: Iterable[dict[str, Any]], grid: Grid) -> Iterator[Timed]:
    for number, record in enumerate(strokes, 1):
        try:
            stroke = Stroke.from_record(record, grid)
        except InputError as error:
            raise InputError(f"{image}: person {person}: stroke {number}: {error}") from error
        yield Timed(stroke, record.get("start_s"), record.get("end_s"))


def persons(recorded: list[Recorded]) -> list[str]:
    """The names of all people.

    Args:
        recorded: images with people's strokes.

    Returns:
        Each name once, sorted.
    """
    return sorted({person for item in recorded for person in item.people})


def is_timed(recorded: list[Recorded]) -> bool:
    """Whether any stroke has time stamps.

    Args:
        recorded: images with people's strokes.

    Returns:
        False without images.
    """
    return any(
        timed.start_s is not None
        for item in recorded
        for strokes in item.people.values()
        for timed in strokes
    )
